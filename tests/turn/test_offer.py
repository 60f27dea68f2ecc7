"""Which tools a model is offered: all, a reduced set, and never a silent cut."""

from hypothesis import given
from hypothesis import strategies as st

from acp_agent.conversation import Tool, estimate_text, estimate_tool
from acp_agent.turn.instructions import INSTRUCTIONS
from acp_agent.turn.offer import Offer, offer

BASE = estimate_text(INSTRUCTIONS)


def make(name: str, size: int = 300) -> Tool:
    return Tool(name, "d" * size, {"type": "object"})


OWN = [
    make(name)
    for name in (
        *("read_file", "list_directory", "glob_files", "search", "edit_file", "write_file"),
        *("delete_file", "move_file", "run_command", "update_plan", "ask_user"),
    )
]
MCP = [make(f"server__tool{number}") for number in range(20)]


def names(offered: Offer) -> list[str]:
    return [tool.name for tool in offered.tools]


def test_a_large_window_gets_all_in_their_order() -> None:
    offered = offer([*OWN, *MCP], "native", 131_072, "m")
    assert offered.tools == (*OWN, *MCP)
    assert offered.instructions == INSTRUCTIONS
    assert offered.tokens == BASE + sum(map(estimate_tool, offered.tools))
    assert offered.news == ()


def test_a_model_without_tools_is_told_nothing_of_them() -> None:
    assert offer(OWN, "none", 131_072, "m") == Offer()
    assert offer([], "native", 131_072, "m") == Offer()


def test_a_small_window_keeps_what_matters_most_and_says_what_went() -> None:
    window = 4 * (BASE + 7 * estimate_tool(OWN[0]) + 20)
    offered = offer(OWN, "native", window, "tiny")
    assert names(offered) == [
        *("read_file", "list_directory", "glob_files", "search", "edit_file", "write_file"),
        "run_command",
    ]
    assert offered.news == (
        f"The context window of tiny ({window:,} tokens) is small, so it is not offered these "
        "tools: delete_file, move_file, update_plan, ask_user.",
    )
    assert names(offer(OWN, "native", 4 * (BASE + estimate_tool(OWN[0]) + 10), "tiny")) == [
        "read_file"
    ]


def test_a_window_without_room_for_one_tool_gets_no_instructions_either() -> None:
    offered = offer([*OWN, *MCP], "native", 400, "tiny")
    assert (offered.tools, offered.instructions, offered.tokens) == ((), "", 0)
    assert len(offered.news) == 2


def test_tools_of_servers_alone_are_no_reduced_set() -> None:
    offered = offer([*OWN, make("s__small", 10)], "native", 1300, "tiny")
    assert offered.tools == ()
    assert offer([make("s__small", 10)], "native", 1300, "tiny").tools != ()


def test_tools_told_in_words_leave_room_for_the_words() -> None:
    window = 4 * (BASE + estimate_tool(OWN[0]) + 10)
    assert names(offer(OWN, "native", window, "m")) == ["read_file"]
    assert names(offer(OWN, "text", window, "m")) == []


def test_tools_of_servers_have_a_share_of_their_own() -> None:
    window = 12_000
    offered = offer([*OWN, *MCP], "native", window, "m")
    foreign = [tool for tool in offered.tools if "__" in tool.name]
    assert names(offered)[: len(OWN)] == [tool.name for tool in OWN]
    assert foreign == MCP[: len(foreign)]
    assert 0 < len(foreign) < len(MCP)
    assert sum(map(estimate_tool, foreign)) <= window * 0.15
    (news,) = offered.news
    assert news.startswith("Tools of MCP servers may take 15 % of the context window of m")
    assert all(tool.name in news for tool in MCP[len(foreign) :])
    assert foreign[-1].name + "," not in news


def test_one_that_is_too_large_does_not_keep_others_out() -> None:
    offered = offer([make("s__huge", 90_000), make("s__small")], "native", 131_072, "m")
    assert names(offered) == ["s__small"]
    assert "s__huge" in offered.news[0]


def test_with_an_unknown_window_all_own_tools_and_few_others_are_offered() -> None:
    offered = offer([*OWN, *MCP], "native", None, "m")
    assert set(names(offered)) > {tool.name for tool in OWN}
    assert len(offered.tools) < len(OWN) + len(MCP)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3000)), max_size=30),
    st.integers(1, 200_000),
)
def test_the_shares_hold_whatever_there_is(sizes: list[tuple[bool, int]], window: int) -> None:
    tools = [
        make(f"s__t{number}" if foreign else f"t{number}", size)
        for number, (foreign, size) in enumerate(sizes)
    ]
    offered = offer(tools, "native", window, "m")
    foreign = sum(estimate_tool(tool) for tool in offered.tools if "__" in tool.name)
    assert foreign <= window * 0.15
    assert offered.tokens - foreign <= max(window * 0.25, BASE if foreign else 0)
    told = " ".join(offered.news)
    for tool in tools:
        assert (tool in offered.tools) != (
            tool.name in told.replace(",", " ").replace(".", " ").split()
        )
    assert offer(tools, "native", window, "m") == offered
