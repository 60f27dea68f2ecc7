"""What a user is asked and shown while a model is installed from a mode."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from acp_agent.backends.base import Progress
from acp_agent.backends.engine import installing
from acp_agent.models.catalogue import CATALOGUE, GPT_OSS_MODEL
from acp_agent.models.licence import LicenceAcknowledgement, LicenceRequired, LicenceTerms
from acp_agent.models.steps import tell_attempt
from acp_agent.models.store import ModelStore
from tests.fixtures.hub_files import make_files
from tests.fixtures.hub_install import make_hub_entry
from tests.fixtures.hub_server import running_hub, use_hub

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
        await report(tell_attempt("Looking up", 2, 6), None, None)
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


async def test_the_licences_text_is_shown_before_it_is_accepted(hub: Hub, tmp_path: Path) -> None:
    told, asked = await run(hub, tmp_path, True)
    [question] = asked
    assert question.startswith("Accept the licence of GPT-OSS 20B\nGPT-OSS 20B: licence Apache-2.0")
    assert TERMS.text in question
    assert TERMS.address in question
    assert hub.accepted[0].text_sha256 == TERMS.text_sha256
    assert [(each.id, each.title, each.done, each.finished) for each in told] == [
        ("install-0", "Looking up", None, False),
        ("install-0", "Looking up; no answer yet, trying again (2 of 6)", None, False),
        ("install-0", "Looking up", None, True),
        ("install-1", "Looking up", None, False),
        ("install-1", "Looking up; no answer yet, trying again (2 of 6)", None, False),
        ("install-1", "Looking up", None, True),
        ("install-2", "Downloading", 0, False),
        ("install-2", "Downloading", 50, False),
        ("install-2", "Downloading", 100, False),
        ("install-2", "Downloading", 100, True),
    ]


async def test_what_is_recorded_is_what_was_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, asked = make_hub_entry(), list[str]()

    async def report(progress: Progress) -> None:
        """Tells nobody."""

    async def ask(title: str, detail: str) -> bool:
        asked.append(detail)
        return True

    with running_hub(make_files()) as real:
        use_hub(real, monkeypatch)
        catalogue = {entry.id: entry}
        await installing.install_model(tmp_path, catalogue, None, entry.id, report, ask)
        text = real.files["LICENSE"].decode()
        assert f"{real.address}/tests/tiny-model/blob/{real.commit}/LICENSE" in asked[0]
    assert len(asked) == 1
    assert text in asked[0]
    acknowledgement = ModelStore(tmp_path).require(entry.id).acknowledgement
    assert acknowledgement is not None
    assert acknowledgement.text_sha256 == hashlib.sha256(text.encode()).hexdigest()


async def test_terms_that_were_in_the_offer_as_they_are_need_no_second_question(
    hub: Hub, tmp_path: Path
) -> None:
    name, address = ENTRY.licence, ENTRY.licence_url
    hub.terms = replace(TERMS, source=address, text=f"{name} ({address})")
    _, asked = await run(hub, tmp_path)
    assert not asked
    assert hub.accepted[0].text_sha256 == hub.terms.text_sha256


async def test_another_licence_than_the_offers_is_asked_for(hub: Hub, tmp_path: Path) -> None:
    hub.terms = replace(TERMS, licence="Own-1.0", text="Own-1.0 (https://example.org)")
    _, asked = await run(hub, tmp_path, True)
    assert "Own-1.0 (https://example.org)" in asked[0]


async def test_declining_leaves_nothing_behind(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(LicenceRequired):
        await run(hub, tmp_path, False)
    assert hub.abandoned == [ENTRY.id]
    assert not hub.accepted


def test_a_download_says_how_fast_it_is() -> None:
    progress = Progress("a", "A", 50, 100, "B", pace="12 MB/s, 3 min left")
    from acp_agent.protocol.updates import progress_text

    assert progress_text(progress) == "50 % (50 B of 100 B), 12 MB/s, 3 min left"
