"""Fake backends as the tests of the wire and of the turn need them.

Owns short ways to plan scripts and to look at what was asked; the fake itself stands in
``tests/fixtures/fake_backend``.
"""

from collections.abc import Sequence

import anyio

from acp_agent.backends.base import Done, Model, ModelRequest, Progress, Readiness, TextDelta
from acp_agent.errors import ModelNotInstalled
from tests.fixtures.fake_backend import FakeBackend, Step

MODEL = Model("tiny", "Tiny")
READY = Readiness(True, models=(MODEL,), default_model=MODEL.id)
MISSING = ModelNotInstalled("Tiny is not installed.", model=MODEL.id, title="Install tiny (1 MB)")


def saying(*texts: str) -> list[Step]:
    """A script that says ``texts`` and ends."""
    return [*(TextDelta(text) for text in texts), Done()]


def fake(
    *scripts: Sequence[Step],
    mode: str = "fake",
    models: Sequence[Model] = (MODEL,),
    readiness: Readiness | None = None,
) -> FakeBackend:
    """A backend that plays one of ``scripts`` for each request, then says ``ok``."""
    default = models[0].id if models else None
    ready = Readiness(True, models=tuple(models), default_model=default)
    backend = FakeBackend(mode, mode.capitalize(), "Plays scripts", readiness or ready)
    for script in scripts:
        backend.script(*script)
    return backend


def lacking_model(
    *scripts: Sequence[Step],
    install: Sequence[Progress | anyio.Event | Exception] = (),
    mode: str = "fake",
) -> FakeBackend:
    """A backend whose first request finds no model; ``install`` is how fetching it goes."""
    readiness = Readiness(True, "Not installed.", installed=False, default_model=MODEL.id)
    backend = fake([MISSING], *scripts, mode=mode, readiness=readiness)
    backend.install_steps = install
    return backend


def requests(backend: FakeBackend) -> list[ModelRequest]:
    """What ``backend`` was asked, in order."""
    return [stream.request for stream in backend.streams if stream.request is not None]


def ended(backend: FakeBackend) -> int:
    """How many of the streams of ``backend`` have stopped."""
    return sum(stream.stopped.is_set() for stream in backend.streams)
