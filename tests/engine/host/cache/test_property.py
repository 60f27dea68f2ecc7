"""The store against a naive account of which positions each line can be continued from."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent.engine.host.cache.store import PromptCache
from tests.engine.host.cache.marked import WINDOW, check, compute, make_store, prefill

KEYS = ("a", "b", None)


@dataclass(slots=True, frozen=True)
class Request:
    """A prompt that keeps ``kept`` tokens of the last one, and what is said to it."""

    key: str | None
    kept: int
    new: tuple[int, ...]
    stable: int
    said: int
    restart: bool


@dataclass(slots=True)
class Account:
    """What is known of one line: its tokens, and where its checkpoints are."""

    key: str | None
    tokens: list[int]
    checkpoints: dict[int, bool] = field(default_factory=dict[int, bool])
    shared: bool = False

    def can_continue_at(self, position: int) -> bool:
        end = len(self.tokens)
        if position == end or position in self.checkpoints:
            return True
        return any(position < place <= WINDOW for place in (end, *self.checkpoints))

    def usable(self, prompt: list[int]) -> int:
        for position in range(min(len(self.tokens), len(prompt) - 1), 0, -1):
            if self.tokens[:position] == prompt[:position] and self.can_continue_at(position):
                return position
        return 0


class Accounts:
    """All lines, as the store should have them when it has room for all."""

    def __init__(self) -> None:
        self.lines: list[Account] = []
        self.loaded: set[str | None] = set(KEYS)

    def restart(self) -> None:
        self.lines = [line for line in self.lines if line.key is not None]
        self.loaded = set()

    def take(self, key: str | None, prompt: list[int]) -> Account:
        self.loaded.add(key)
        visible = [line for line in self.lines if line.key is None or line.key in self.loaded]
        visible.sort(key=lambda line: (key is None or line.key != key, not line.shared))
        best = max(visible, key=lambda line: line.usable(prompt), default=Account(key, []))
        position = best.usable(prompt)
        if position and key is not None and best.key == key:
            self.lines.remove(best)
        kept = {place: each for place, each in best.checkpoints.items() if place <= position}
        return Account(key, prompt[:position], kept)

    def put(self, line: Account) -> None:
        if line.key is not None:
            self.lines = [each for each in self.lines if each.key != line.key]
        else:
            self.lines = [
                each
                for each in self.lines
                if each.key is not None
                or each.shared
                or line.tokens[: len(each.tokens)] != each.tokens
            ]
        self.lines.append(line)
        stable = [place for place, is_stable in sorted(line.checkpoints.items()) if is_stable]
        if stable:
            start = line.tokens[: stable[0]]
            if not any(each.shared and each.tokens == start for each in self.lines):
                kept = {
                    place: each for place, each in line.checkpoints.items() if place <= stable[0]
                }
                self.lines.append(Account(None, start, kept, shared=True))


requests = st.builds(
    Request,
    key=st.sampled_from(KEYS),
    kept=st.integers(0, 40),
    new=st.lists(st.integers(0, 1), min_size=1, max_size=12).map(tuple),
    stable=st.integers(0, 40),
    said=st.integers(0, 12),
    restart=st.sampled_from([False, False, False, True]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(requests, min_size=1, max_size=7), st.integers(1, 6))
def test_the_longest_usable_prefix_is_found(script: list[Request], step: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        play(script, step, Path(folder) / "saved")


def play(script: list[Request], step: int, folder: Path) -> None:
    store, accounts, last = make_store(folder), Accounts(), list[int]()
    for request in script:
        if request.restart:
            store.flush()
            store = make_store(folder)
            accounts.restart()
        prompt = [*last[: request.kept], *request.new]
        last = run(store, accounts, request, prompt, step)


def run(
    store: PromptCache, accounts: Accounts, request: Request, prompt: list[int], step: int
) -> list[int]:
    line, account = store.take(request.key, prompt), accounts.take(request.key, prompt)
    assert line.tokens == account.tokens
    check(line)
    before, end = len(line.tokens), len(prompt) - 1
    prefill(line, prompt, [request.stable])
    if end and end >= before:
        # Of the checkpoints that are not stable only the last is kept.
        stable = {place: True for place, each in account.checkpoints.items() if each}
        if before <= request.stable <= end and request.stable:
            stable[request.stable] = True
        account.checkpoints = {end: False, **account.checkpoints} | stable
        others = sorted(place for place, each in account.checkpoints.items() if not each)
        for place in others[:-1]:
            del account.checkpoints[place]
    compute(line, [prompt[-1], *[2] * request.said], step=step)
    check(line)
    account.tokens = list(line.tokens)
    places = {each.position: each.stable for each in line.checkpoints}
    assert places == account.checkpoints
    store.put(line)
    accounts.put(account)
    return list(line.tokens)
