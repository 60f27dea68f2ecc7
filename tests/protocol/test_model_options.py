"""What a model, or a mode made of others, lets the user choose beside the model itself."""

import pytest

from acp_agent.backends.base import Model, ModelOption
from tests.fixtures.fake_composed import FakeComposed
from tests.protocol.backend import fake, requests, saying
from tests.protocol.client import RpcError, serving
from tests.protocol.test_options import choose

pytestmark = pytest.mark.anyio

LOOPS = ModelOption("n_loops", "Loops", "How deep it thinks", {"4": "4", "16": "16 (own)"}, "16")
DEEP = Model("deep", "Deep", options=(LOOPS,))
FLAT = Model("flat", "Flat")


async def test_an_option_is_shown_chosen_and_handed_to_the_model() -> None:
    backend = fake(saying("a"), saying("b"), models=(DEEP, FLAT))
    async with serving(backend) as client:
        session = await client.new_session()
        assert (await choose(client, session, "model", "deep"))["n_loops"] == "16"
        await client.prompt(session, "Hello")
        assert (await choose(client, session, "n_loops", "4"))["n_loops"] == "4"
        await client.prompt(session, "Hello")
    assert [request.options for request in requests(backend)] == [
        {"n_loops": "16"},
        {"n_loops": "4"},
    ]


async def test_it_is_there_for_its_model_only_and_keeps_its_value() -> None:
    async with serving(fake(models=(DEEP, FLAT))) as client:
        session = await client.new_session()
        await choose(client, session, "n_loops", "4")
        assert "n_loops" not in await choose(client, session, "model", "flat")
        with pytest.raises(RpcError, match="there is no option 'n_loops' here"):
            await choose(client, session, "n_loops", "4")
        assert (await choose(client, session, "model", "deep"))["n_loops"] == "4"
        with pytest.raises(RpcError, match="choose one of 4, 16"):
            await choose(client, session, "n_loops", "5")


async def test_a_value_that_is_offered_no_more_falls_back_to_the_default() -> None:
    backend = fake(saying("a"), models=(DEEP,))
    async with serving(backend) as client:
        session = await client.new_session()
        await choose(client, session, "n_loops", "4")
        less = ModelOption("n_loops", "Loops", "How deep it thinks", {"16": "16"}, "16")
        readiness = backend.readiness
        backend.readiness = type(readiness)(
            True, models=(Model("deep", "Deep", options=(less,)),), default_model="deep"
        )
        await choose(client, session, "mode", "fake")
        await client.prompt(session, "Hello")
    assert requests(backend)[0].options == {"n_loops": "16"}


async def test_a_mode_made_of_others_has_options_too() -> None:
    composed = FakeComposed(parts=["fake"], options=(LOOPS,))
    async with serving(fake(), composed=[composed]) as client:
        session = await client.new_session()
        assert (await choose(client, session, "mode", "auto"))["n_loops"] == "16"
        assert (await choose(client, session, "n_loops", "4"))["n_loops"] == "4"
