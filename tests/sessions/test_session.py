"""The table of open sessions."""

import pytest

from acp_agent.errors import ResourceNotFound
from acp_agent.sessions.session import Session, SessionTable


def test_an_open_session_is_found_until_it_is_removed() -> None:
    table, session = SessionTable(), Session("a", "/", "mlx")
    table.add(session)
    assert table.get("a") is session
    table.remove("a")
    with pytest.raises(ResourceNotFound, match=r"'a'.*session/new") as raised:
        table.get("a")
    assert raised.value.code == -32002


def test_removing_an_unknown_session_is_fine() -> None:
    SessionTable().remove("nobody")


def test_sessions_share_nothing() -> None:
    first, second = Session("a", "/", "mlx"), Session("b", "/", "mlx")
    first.models["mlx"] = "x"
    first.thought_levels["mlx"] = "low"
    assert not second.models
    assert not second.thought_levels
    assert first.conversation is not second.conversation
    assert first.control is not second.control
    assert first != Session("a", "/", "mlx")
