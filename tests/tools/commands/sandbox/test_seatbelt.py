"""The profile for macOS, as far as it can be checked anywhere."""

from pathlib import Path

import pytest

from acp_agent.tools.commands.sandbox.seatbelt import PROGRAM, Seatbelt


def profile_of(containment: Seatbelt, *writable: Path) -> tuple[str, list[str]]:
    """The profile, and the parameters it is given."""
    program, option, profile, *rest = containment.wrap("echo 'a'", writable)
    assert (program, option) == (PROGRAM, "-p")
    assert rest[-3:] == ["/bin/sh", "-c", "echo 'a'"]
    assert rest[:-3:2] == ["-D"] * (len(rest[:-3]) // 2)
    return profile, rest[1:-3:2]


def test_paths_are_parameters_and_never_text() -> None:
    odd = Path('/a") (allow default) ("')
    profile, parameters = profile_of(Seatbelt(network=False, private=[odd / "state"]), odd)
    assert profile.count("(") == profile.count(")")
    assert str(odd) not in profile
    names = [each.partition("=")[0] for each in parameters]
    assert names == [f"P{number}" for number in range(len(names))]
    assert all(f'(param "{name}")' in profile for name in names)
    assert any(each.endswith(f"={odd}") for each in parameters)


def test_the_last_rule_holds_so_denials_come_last() -> None:
    profile, _ = profile_of(Seatbelt(network=False, private=[Path("/p")]), Path("/w"))
    rules = profile.split("\n")
    assert rules[0] == "(version 1)(allow default)"
    assert rules.index("(deny file-write*)") < min(
        number for number, rule in enumerate(rules) if rule.startswith("(allow file-write*")
    )
    assert rules[-2].startswith("(deny file-read* file-write* ")
    assert rules[-1] == "(deny network*)"


def test_what_makes_git_run_programs_is_named(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: elsewhere")
    _, parameters = profile_of(Seatbelt(network=False), tmp_path)
    named = {each.partition("=")[2] for each in parameters}
    git = tmp_path / ".git"
    assert {str(git / name) for name in ("hooks", "config", "commondir")} <= named
    assert any(each == str(git) for each in named)


@pytest.mark.parametrize(("network", "said"), [(True, "with network"), (False, "no network")])
def test_the_network_is_said(network: bool, said: str) -> None:
    contained = Seatbelt(network=network)
    assert contained.summary.endswith(said)
    assert ("network" in profile_of(contained, Path("/w"))[0]) is not network
