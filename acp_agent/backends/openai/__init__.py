"""Mode ``openai``: any server with OpenAI's chat completions API.

Owns everything that knows such servers and their differences. Does not own the events it
yields (``backends/base``) nor its settings (``config/openai_settings``). Import
``OpenAIBackend`` from the module ``backend``.

API: https://platform.openai.com/docs/api-reference/chat
"""
