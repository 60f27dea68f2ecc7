"""The modes whose models run in this project's own engine: ``mlx`` and ``gptoss_20b``."""
