"""The modes whose models run in this project's own engine: ``mlx``, ``gptoss_20b``, ``mythos``."""
