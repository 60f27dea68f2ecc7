"""Clients take turns."""

from acp_agent.engine.host.fair_queue import FairQueue


def fill(*items: str) -> FairQueue[str]:
    """A queue of items whose first letter is the client."""
    queue: FairQueue[str] = FairQueue()
    for item in items:
        queue.push(item[0], item)
    return queue


def drain(queue: FairQueue[str]) -> list[str]:
    found: list[str] = []
    while (item := queue.pop(lambda item: True)) is not None:
        found.append(item)
    return found


def test_clients_take_turns_and_each_keeps_its_order() -> None:
    queue = fill("a1", "a2", "a3", "b1", "c1", "b2")
    order = list(queue)
    assert len(queue) == 6
    assert order == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert drain(queue) == order
    assert not queue


def test_who_had_a_turn_comes_after_those_who_wait() -> None:
    queue = fill("a1", "a2", "b1")
    assert queue.pop(lambda item: True) == "a1"
    queue.push("a", "a3")
    queue.push("c", "c1")
    assert drain(queue) == ["b1", "a2", "c1", "a3"]


def test_what_is_not_accepted_keeps_its_place() -> None:
    queue = fill("a1", "a2", "b1")
    assert queue.pop(lambda item: item == "a2") == "a2"
    assert queue.pop(lambda item: item == "c1") is None
    assert drain(queue) == ["b1", "a1"]


def test_items_go_to_the_front_and_out() -> None:
    queue = fill("a1", "b1")
    queue.push_front("b", "b0")
    assert queue.remove("a1")
    assert not queue.remove("a1")
    assert drain(queue) == ["b0", "b1"]
