"""The engine's HTTP routes, a module each for answers, models and control."""
