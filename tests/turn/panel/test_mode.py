"""Who is in a panel: samples, members, peers, the head; and what the mode says of them."""

import pytest

from acp_agent.backends.base import Model, Readiness
from acp_agent.config.openai_settings import EndpointSettings
from acp_agent.config.panel_settings import PanelSettings
from acp_agent.turn.modes import Seat
from acp_agent.turn.panel.candidates import Lineup, Roster
from acp_agent.turn.panel.mode import PanelMode

ENDPOINTS = {
    "tower": EndpointSettings(base_url="http://10.0.0.2:8000/v1"),
    "mac": EndpointSettings(base_url="http://10.0.0.3:8000/v1", model="qwen"),
    "off": EndpointSettings(base_url="http://10.0.0.4:8000/v1"),
}
DOWN = Readiness(False, "Ollama does not run: start it.")


def ready(*ids: str, is_remote: bool = False) -> Readiness:
    models = tuple(Model(each, f"Model {each}", is_remote=is_remote) for each in ids)
    return Readiness(True, models=models, default_model=ids[0])


STATES = {
    "gptoss_20b": Readiness(
        True, "The first prompt offers it.", False, (), default_model="gpt-oss-20b"
    ),
    "ollama": ready("qwen3:1.7b", "llama"),
    "mlx": ready("smollm2-135m"),
    "openai": ready("tower/first", "tower/second", "mac/qwen", "default/found"),
}


def roster(**settings: object) -> Roster:
    panel = PanelSettings.model_validate(settings)
    return Roster(panel, ENDPOINTS, tuple(STATES), ("gptoss_20b", "ollama", "mlx"))


def lined_up(**settings: object) -> Lineup:
    return roster(**settings).line_up(STATES, 3, {})


def names(lineup: Lineup) -> list[str]:
    return [each.name for each in lineup.candidates]


def test_samples_of_the_best_mode_that_is_ready() -> None:
    lineup = lined_up()
    assert lineup.head == Seat("ollama", "qwen3:1.7b")
    assert names(lineup) == ["sample 1", "sample 2", "sample 3"]
    assert lineup.candidates[2].label == "Model qwen3:1.7b, sample 3"
    assert {each.seat for each in lineup.candidates} == {lineup.head}


def test_the_head_of_the_settings_and_the_sessions_model() -> None:
    assert lined_up(head="mlx").head == Seat("mlx", "smollm2-135m")
    assert lined_up(head="ollama/llama").head == Seat("ollama", "llama")
    assert roster().line_up(STATES, 3, {"ollama": "llama"}).head == Seat("ollama", "llama")


def test_nobody_elses_machine_is_asked_by_default() -> None:
    states = {"ollama": ready("big-cloud", is_remote=True)}
    found = roster().line_up(states, 3, {})
    assert (found.head, found.candidates) == (None, [])
    assert "another machine" in str(found.left_out[1])
    assert roster(head="ollama").find_head(states) == Seat("ollama", "big-cloud")
    chosen = roster().find_head(states, {"ollama": "big-cloud"})
    assert chosen == Seat("ollama", "big-cloud")


def test_members_and_peers_each_answer_once() -> None:
    lineup = lined_up(members=["mlx", "ollama/llama", "ollama/llama"], peers=["tower", "mac"])
    assert names(lineup) == ["mlx", "ollama/llama", "ollama/llama (2)", "tower", "mac"]
    assert [each.seat for each in lineup.candidates] == [
        Seat("mlx", "smollm2-135m"),
        Seat("ollama", "llama"),
        Seat("ollama", "llama"),
        Seat("openai", "tower/first"),
        Seat("openai", "mac/qwen"),
    ]
    assert lineup.candidates[3].label == "Model tower/first"
    assert lineup.head == Seat("ollama", "qwen3:1.7b")
    assert not lineup.samples


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"members": ["nope"]}, "nope: there is no mode 'nope'"),
        ({"members": ["tower"]}, "tower: tower is an endpoint and no mode: write openai/tower."),
        ({"head": "SmolLM2"}, "SmolLM2: there is no mode 'SmolLM2'; there is gptoss_20b, ollama"),
        ({"members": ["auto"]}, "auto: there is no mode 'auto'"),
        ({"members": ["gptoss_20b"]}, "gptoss_20b: its model gpt-oss-20b is not installed"),
        ({"members": ["ollama/gone"]}, "ollama/gone: mode ollama has no model 'gone'."),
        ({"peers": ["off"]}, "off: it does not answer, or lists no model."),
        ({"peers": ["nope"]}, "nope: the configuration has no table [endpoints.nope]."),
        ({"members": ["openai/off"]}, "openai/off: it does not answer, or lists no model."),
    ],
)
def test_who_cannot_be_asked_is_left_out(settings: dict[str, object], reason: str) -> None:
    lineup = lined_up(**settings)
    assert lineup.candidates == []
    [left_out] = lineup.left_out
    assert str(left_out).startswith(reason)


def test_an_endpoint_of_the_environment_and_one_that_was_found_can_be_named() -> None:
    lineup = lined_up(peers=["default"], members=["openai/default", "openai/tower/second"])
    assert [each.seat.model for each in lineup.candidates] == [
        "default/found",
        "tower/second",
        "default/found",
    ]


def test_an_endpoint_that_is_out_says_why() -> None:
    states = {"openai": Readiness(False, "Endpoint off at http://10.0.0.4 does not answer.")}
    [left_out] = roster(peers=["off"]).line_up(states, 3, {}).left_out
    assert str(left_out) == "off: Endpoint off at http://10.0.0.4 does not answer."


def test_what_is_said_of_another_endpoint_is_not_the_reason() -> None:
    states = {"openai": Readiness(False, "Endpoint off2 at http://10.0.0.4 does not answer.")}
    [left_out] = roster(peers=["off"]).line_up(states, 3, {}).left_out
    assert str(left_out) == "off: it does not answer, or lists no model."


def test_a_head_that_cannot_judge_says_why() -> None:
    lineup = lined_up(members=["mlx"], head="ollama/gone")
    assert lineup.head is None
    assert lineup.head_problem == "panel.head is ollama/gone: mode ollama has no model 'gone'."
    assert lined_up(members=["mlx"]).head_problem == ""


def test_the_models_that_are_asked_each_once_and_by_the_sessions_choice() -> None:
    mode = PanelMode(roster(members=["mlx", "ollama", "mlx"]))
    seats = [Seat("mlx", "smollm2-135m"), Seat("ollama", "llama")]
    assert mode.find_seats(STATES, {"ollama": "llama"}) == seats


def test_the_head_is_the_first_candidate_where_nobody_else_is_ready() -> None:
    states = {"ollama": DOWN, "openai": ready("tower/first", is_remote=True)}
    lineup = roster(peers=["tower"]).line_up(states, 3, {})
    assert lineup.head == Seat("openai", "tower/first")


def test_the_mode_needs_only_what_the_settings_name() -> None:
    mode = PanelMode(roster(members=["mlx"], peers=["tower"], head="mlx"))
    assert list(mode.parts) == ["mlx", "openai"]
    assert list(PanelMode(roster()).parts) == list(STATES)


def test_a_mode_that_nobody_named_does_not_lead() -> None:
    states = {**STATES, "mythos": ready("mythos_3b")}
    panel = PanelSettings()
    only = Roster(panel, {}, ("mythos",), ("gptoss_20b", "ollama", "mlx"))
    assert only.find_head(states) is None
    named = Roster(PanelSettings(head="mythos"), {}, ("mythos",), ())
    assert named.find_head(states) == Seat("mythos", "mythos_3b")


def test_the_mode_says_who_is_asked() -> None:
    state = PanelMode(roster()).assess(STATES)
    assert state == Readiness(True, "Samples of Model qwen3:1.7b are asked.")
    state = PanelMode(roster(members=["mlx", "nope"])).assess(STATES)
    assert state.ready
    assert state.reason.startswith("mlx is asked. Left out: nope: there is no mode")
    assert "no tools" in PanelMode.description


def test_the_mode_says_why_it_is_not_ready() -> None:
    mode = PanelMode(roster(head="ollama"))
    state = mode.assess({"ollama": DOWN})
    assert not state.ready
    assert state.reason == "no candidate can be asked. ollama: Ollama does not run: start it."
    assert mode.lead({"ollama": DOWN}) is None


def test_who_leads() -> None:
    assert PanelMode(roster()).lead(STATES) == Seat("ollama", "qwen3:1.7b")
    assert PanelMode(roster(members=["mlx"], head="nope")).lead(STATES) == Seat(
        "mlx", "smollm2-135m"
    )


def test_the_options() -> None:
    strategy, samples = PanelMode(roster(strategy="best_of", samples=4)).options
    assert (strategy.id, strategy.default) == ("strategy", "best_of")
    assert set(strategy.values) == {"majority", "best_of", "first_valid"}
    assert (samples.id, samples.default) == ("samples", "4")
    assert list(samples.values) == ["2", "3", "4", "5", "7", "9", "16"]
    [only] = PanelMode(roster(peers=["tower"])).options
    assert only.id == "strategy"
