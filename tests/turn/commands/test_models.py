"""``/models``, ``/install`` and ``/unload``."""

import pytest

from acp_agent.backends.base import Model, Progress, Readiness
from acp_agent.errors import BackendError
from acp_agent.turn.commands.services import InstallTerms
from tests.fixtures.fake_backend import FakeBackend
from tests.fixtures.fake_composed import FakeComposed
from tests.protocol.backend import fake, lacking_model
from tests.turn.commands.asking import Asking

pytestmark = pytest.mark.anyio

DOWN = Readiness(False, "Start it.")
TERMS = InstallTerms("Install tiny (1 MB)", "Licence: MIT.")


async def test_models_of_all_modes_are_listed() -> None:
    models = [
        Model("a:1b", "a:1b", "Small.", 4096, tools="text"),
        Model("/home/ann/models/b", "B", tools="native"),
    ]
    asking = Asking([fake(models=models), fake(mode="two", readiness=DOWN)])
    text = await asking.read("/models")
    assert "**Fake**, mode `fake` (this session's mode)\n" in text
    assert "- `a:1b` **in use**: window of 4,096 tokens, calls tools in words, Small\n" in text
    assert "- `b`: B, calls tools\n" in text
    assert "**Two**, mode `two`\n\n- Start it.\n" in text
    assert "/home" not in text
    asking.session.models["fake"] = "/home/ann/models/b"
    assert "- `b` **in use**" in await asking.read("/models")


async def test_install_fetches_what_the_mode_lacks_once_its_terms_are_seen() -> None:
    step = Progress("install-0", "Downloading", 1, 2, "B")
    backend = lacking_model(install=[step])
    asking = Asking([backend], answers=[True], terms=TERMS)
    assert "tiny is installed" in await asking.read("/install")
    assert asking.output.asked == [(TERMS.title, TERMS.text)]
    assert asking.output.events[0] == step
    assert backend.installed == ["tiny"]
    assert asking.output.settled == 1


async def test_install_without_a_yes_fetches_nothing() -> None:
    backend = lacking_model()
    asking = Asking([backend], answers=[False], terms=TERMS)
    assert await asking.read("/install tiny") == "tiny was not installed."
    assert backend.installed == []


async def test_install_asks_the_mode_that_knows_the_model() -> None:
    one, two = fake(), fake(mode="two", models=[Model("other", "Other")])
    asking = Asking([one, two])
    assert "It answers in mode two (Two)" in await asking.read("/install other")
    assert "Choose it with the model option" in await asking.read("/install unheard-of")
    assert (one.installed, two.installed) == (["unheard-of"], ["other"])


async def test_install_of_nothing_says_so() -> None:
    asking = Asking()
    assert "tiny, the model of mode fake, is installed" in await asking.read("/install")
    asking = Asking([fake(readiness=DOWN)])
    assert await asking.read("/install") == "Say which model: `/install MODEL`. Start it."


async def test_an_installation_that_fails_is_told() -> None:
    asking = Asking([lacking_model(install=[BackendError("The disk is full.")])])
    assert await asking.read("/install") == "The disk is full."
    assert asking.output.settled == 1


async def test_unload_takes_one_model_or_all() -> None:
    asking = Asking()
    assert "Every model was taken out" in await asking.read("/unload")
    assert "tiny was taken out" in await asking.read("/unload tiny")
    assert asking.unloaded == [None, "tiny"]
    assert "No engine runs" in await Asking(engine=False).read("/unload")
    refusing = Asking(engine=BackendError("It is answering."))
    assert await refusing.read("/unload tiny") == "It is answering."


async def test_a_composed_mode_is_listed_and_installs_what_its_parts_lack() -> None:
    asking = Asking([lacking_model()], composed=[FakeComposed(parts=["fake"])])
    asking.session.mode = "auto"
    text = await asking.read("/models")
    assert "**Auto**, mode `auto` (this session's mode)\n\n- Made of others\n" in text
    assert text.count("- no model") == 0
    assert "Mode auto cannot install unheard-of" in await asking.read("/install unheard-of")
    assert "tiny is installed. It answers in mode fake" in await asking.read("/install tiny")
    assert "tiny is installed. It answers in mode fake" in await asking.read("/install")
    who = Readiness(True, "tiny answers, big does what is heavy.")
    complete = Asking([FakeBackend()], composed=[FakeComposed(parts=["fake"], readiness=who)])
    complete.session.mode = "auto"
    assert await complete.read("/install") == (
        "Nothing is missing that `/install` alone could get: tiny answers, big does what is "
        "heavy. `/install MODEL` gets another one; `/models` lists what is known."
    )
