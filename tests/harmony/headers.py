"""Headers that say who speaks, for the parser's tests.

Owns these lists. Does not own what else a header may say (``outputs``).
"""

FOREIGN_HEADERS = (
    "functions.f to=assistant<|channel|>commentary",
    "functions.f<|channel|>commentary to=assistant",
    "function.f<|channel|>commentary",
    "functions<|channel|>commentary",
    "Functions.f<|channel|>commentary",
    "python<|channel|>commentary",
    "python to=assistant<|channel|>commentary",
    "Python",
    "python.exec<|channel|>final",
    "browser.search<|channel|>commentary",
    "browser.search to=assistant<|channel|>commentary",
    "BROWSER",
    "User",
    "user:",
    "SYSTEM<|channel|>final",
    "tool_result<|channel|>commentary",
    "tool:",
    "weather to=assistant<|channel|>commentary",
    "weather<|channel|>commentary to=assistant",
    "mcp.weather to= assistant <|channel|>commentary",
)
"""After ``<|start|>``: somebody else speaks."""

OWN_HEADERS = (
    "assistant to=assistant<|channel|>final",
    "Assistant to=assistant<|channel|>final",
    "assistantto=assistant<|channel|>final",
    "to=assistant<|channel|>final",
    "<|channel|>final to=assistant",
    "assitant<|channel|>final",
    "toolsmith<|channel|>final",
    "users<|channel|>final",
    "pythonic<|channel|>final",
)
"""After ``<|start|>``: the assistant speaks, or at least nobody else."""
