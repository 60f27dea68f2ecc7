"""What of mode ``panel``'s settings will not do, as ``acp-agent config check`` says it.

Owns the wording. Does not own the settings, and asks no model.
"""

from collections.abc import Collection, Iterator

from acp_agent.backends.openai.endpoints import DEFAULT_NAME
from acp_agent.config.panel_settings import PanelSettings

_NEEDED = {"schema": "answer_schema", "test": "test_command"}


def describe_faults(settings: PanelSettings, endpoints: Collection[str]) -> Iterator[str]:
    """Settings that contradict each other, a sentence each; ``endpoints`` are those named."""
    count = len(settings.members) + len(settings.peers) or settings.samples
    if settings.quorum is not None and settings.quorum > count:
        yield f"panel.quorum is {settings.quorum}, and only {count} candidates are asked: lower it."
    needed = _NEEDED.get(settings.validity)
    if needed is not None and getattr(settings, needed) is None:
        yield f'panel.validity is "{settings.validity}", which needs panel.{needed}: set it.'
    if settings.test_command is not None and "{file}" not in settings.test_command:
        yield "panel.test_command does not say where the file goes: write {file} into it."
    for peer in settings.peers:
        if peer not in endpoints and peer != DEFAULT_NAME:
            yield (
                f"panel.peers names {peer!r}, and there is no [endpoints.{peer}]: it is asked only "
                "where a server of that name is found on this machine."
            )
