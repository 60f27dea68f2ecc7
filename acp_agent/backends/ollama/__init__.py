"""Mode ``ollama``: models of an Ollama server, over its native HTTP API.

Owns everything that knows Ollama. Does not own the events it yields (``backends/base``)
nor its settings (``config/settings``). Import ``OllamaBackend`` from the module ``backend``.

API: https://github.com/ollama/ollama/blob/main/docs/api.md
"""
