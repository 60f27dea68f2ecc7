"""What a user is asked and shown while a model is installed from a mode."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acp_agent.backends.base import Progress
from acp_agent.backends.engine import installing
from acp_agent.models.catalogue import CATALOGUE, GPT_OSS_MODEL
from acp_agent.models.licence import LicenceAcknowledgement, LicenceRequired, LicenceTerms

pytestmark = pytest.mark.anyio

ENTRY = CATALOGUE[GPT_OSS_MODEL]
TERMS = LicenceTerms(
    model=ENTRY.id,
    name=ENTRY.name,
    licence=ENTRY.licence,
    source="LICENSE",
    text="You may do as you like.",
    repo="mlx-community/gpt-oss",
    commit="abc",
    download_bytes=100,
)


class Hub:
    """An installation that asks for a licence, then reports."""

    def __init__(self, terms: LicenceTerms) -> None:
        self.terms = terms
        self.accepted: list[LicenceAcknowledgement] = []
        self.abandoned: list[str] = []

    async def install(
        self,
        model: str,
        folder: Path,
        *,
        report: Callable[[str, int | None, int | None], Awaitable[None]],
        accept: LicenceAcknowledgement | None = None,
        **_: Any,
    ) -> None:
        await report("Looking up", None, None)
        if accept is None:
            raise LicenceRequired(self.terms)
        self.accepted.append(accept)
        for done in (0, 50, 100):
            await report("Downloading", done, 100)

    async def abandon(self, model: str, folder: Path, **_: Any) -> None:
        self.abandoned.append(model)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub(TERMS)
    monkeypatch.setattr(installing, "install", hub.install)
    monkeypatch.setattr(installing, "abandon", hub.abandon)
    return hub


async def run(hub: Hub, folder: Path, *answers: bool) -> tuple[list[Progress], list[str]]:
    told: list[Progress] = []
    asked: list[str] = []
    waiting = list(answers)

    async def report(progress: Progress) -> None:
        told.append(progress)

    async def ask(title: str, detail: str) -> bool:
        asked.append(f"{title}\n{detail}")
        return waiting.pop(0)

    await installing.install_model(folder, CATALOGUE, None, ENTRY.id, report, ask)
    return told, asked


async def test_a_licence_that_was_in_the_offer_is_not_asked_again(hub: Hub, tmp_path: Path) -> None:
    told, asked = await run(hub, tmp_path)
    assert not asked
    assert hub.accepted[0].text_sha256 == TERMS.text_sha256
    assert [(each.id, each.title, each.done, each.finished) for each in told] == [
        ("install-0", "Looking up", None, False),
        ("install-0", "Looking up", None, False),
        ("install-0", "Looking up", None, True),
        ("install-1", "Downloading", 0, False),
        ("install-1", "Downloading", 50, False),
        ("install-1", "Downloading", 100, False),
        ("install-1", "Downloading", 100, True),
    ]


async def test_another_licence_is_shown_with_its_text(hub: Hub, tmp_path: Path) -> None:
    hub.terms = replace(TERMS, licence="Own-1.0")
    _, asked = await run(hub, tmp_path, True)
    assert "Accept the licence of GPT-OSS 20B" in asked[0]
    assert "Own-1.0" in asked[0]
    assert TERMS.text in asked[0]
    assert hub.accepted


async def test_declining_leaves_nothing_behind(hub: Hub, tmp_path: Path) -> None:
    hub.terms = replace(TERMS, licence="Own-1.0")
    with pytest.raises(LicenceRequired):
        await run(hub, tmp_path, False)
    assert hub.abandoned == [ENTRY.id]
    assert not hub.accepted


def test_a_download_says_how_fast_it_is() -> None:
    progress = Progress("a", "A", 50, 100, "B", pace="12 MB/s, 3 min left")
    from acp_agent.protocol.updates import progress_text

    assert progress_text(progress) == "50 % (50 B of 100 B), 12 MB/s, 3 min left"
