"""What `config check` says of settings of mode `panel` that contradict each other."""

import pytest

from acp_agent.app.panel_check import describe_faults
from acp_agent.config.panel_settings import PanelSettings


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"quorum": 6}, "panel.quorum is 6, and only 5 candidates are asked: lower it."),
        ({"quorum": 3, "members": ["mlx"], "peers": ["lab"]}, "only 2 candidates are asked"),
        ({"validity": "test"}, "which needs panel.test_command: set it."),
        ({"validity": "schema"}, "which needs panel.answer_schema: set it."),
        ({"test_command": "pytest"}, "panel.test_command does not say where the file goes"),
        ({"peers": ["attic"]}, "panel.peers names 'attic', and there is no [endpoints.attic]"),
    ],
)
def test_what_contradicts_itself_is_said(settings: dict[str, object], said: str) -> None:
    [fault] = describe_faults(PanelSettings.model_validate(settings), {"lab"})
    assert said in fault


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"quorum": 5},
        {"validity": "test", "test_command": "python {file}"},
        {"peers": ["lab", "default"], "quorum": 2},
    ],
)
def test_what_agrees_is_not_spoken_of(settings: dict[str, object]) -> None:
    assert list(describe_faults(PanelSettings.model_validate(settings), {"lab"})) == []
