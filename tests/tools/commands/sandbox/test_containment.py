"""What commands can and cannot write in each mechanism, and which one is chosen."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.tools.commands.containment import (
    Uncontained,
    find_containment,
    find_mechanisms,
    works,
)
from acp_agent.tools.commands.sandbox.places import temporary_folders
from tests.tools.commands.sandbox.boxes import NAMES, mechanism, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no mechanism here")


def test_linux_has_a_mechanism() -> None:
    if sys.platform != "linux":
        pytest.skip("about Linux")
    mechanism("Landlock")


def test_writes_inside_and_in_temporary_folders_succeed(name: str, folder: Path) -> None:
    contained = mechanism(name)
    extra = folder / "extra"
    extra.mkdir()
    lines = [
        "set -e; mkdir -p a/b; echo x > a/b/c; mv a/b/c d; ln -s d e; ln d f; rm f; chmod 600 d",
        "echo x >> d; truncate -s 0 d; rm -r a",
        f"echo x > {extra}/file",
        *(f"echo x > {tmp}/acp-$$; rm {tmp}/acp-$$" for tmp in temporary_folders()),
        "echo x > /dev/null; head -c 1 /dev/zero > /dev/null; touch g",
        f"rm $(mktemp -p {temporary_folders()[0]})",
    ]
    done = run(contained, "\n".join(lines), folder / "project", extra)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(path.name for path in (folder / "project").iterdir()) == ["d", "e", "g"]
    assert (extra / "file").read_text() == "x\n"


OUTSIDE_WRITES = [
    "echo new > {beside}/file",
    "echo new >> {beside}/file",
    "echo new > {beside}/new",
    "truncate -s 0 {beside}/file",
    "rm {beside}/file",
    "rm -rf {beside}",
    "mkdir {beside}/new",
    "ln -s x {beside}/new",
    "mkfifo {beside}/new",
    "mv {beside}/file {beside}/new",
    "mv {beside} {beside}2",
    "mv {beside}/file file",
    "ln {beside}/file hard && echo new > hard",
    "ln -s {beside}/file soft && echo new > soft",
    "ln -s {beside} soft && echo new > soft/file",
    "echo new > ../beside/file",
    "cd ../beside && echo new > file",
    "echo new > /proc/self/cwd/../beside/file",
    "echo new > /proc/self/root{beside}/file",
    "sh -c 'sh -c \"echo new > {beside}/file\"'",
    "(echo new > {beside}/file &) ; wait; cat {beside}/file | grep -q new",
    "mv ../project ../project2",
    "unshare -rm sh -c 'mount -o remount,rw / ; umount -l / ; echo new > {beside}/file'",
    "env -i /bin/sh -c 'echo new > {beside}/file'",
    "{python} -c 'import os; os.truncate(\"{beside}/file\", 0)'",
    "{python} -c 'import os; os.open(\"{beside}/file\", os.O_RDONLY | os.O_TRUNC)'",
    '{python} -c \'import os; os.rename("{beside}/file", "file")\'',
]


@pytest.mark.parametrize("command", OUTSIDE_WRITES)
def test_writes_outside_fail(name: str, folder: Path, command: str) -> None:
    contained = mechanism(name)
    beside = folder / "beside"
    text = command.format(beside=beside, python=sys.executable)
    done = run(contained, text, folder / "project")
    assert done.returncode != 0
    assert sorted(path.name for path in folder.iterdir()) == ["beside", "project"]
    assert [path.name for path in beside.iterdir()] == ["file"]
    assert (beside / "file").read_text() == "old"


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(words=st.lists(st.sampled_from(["..", ".", "beside", "link", "project", "x"]), max_size=6))
def test_generated_paths_do_not_lead_outside(name: str, words: list[str], folder: Path) -> None:
    contained = mechanism(name)
    project, beside = folder / "project", folder / "beside"
    if not (link := project / "link").is_symlink():
        link.symlink_to("../beside")
    run(contained, f"echo new > '{'/'.join(['.', *words, 'file'])}'", project)
    assert (beside / "file").read_text() == "old"
    assert {path.name for path in folder.iterdir()} == {"project", "beside"}
    assert [path.name for path in beside.iterdir()] == ["file"]


def test_a_broken_pipe_ends_a_program(name: str, folder: Path) -> None:
    done = run(mechanism(name), "yes | head -n 1", folder / "project")
    assert (done.stdout, done.stderr) == ("y\n", "")


def test_odd_paths_and_text_arrive_as_they_are(name: str, folder: Path) -> None:
    contained = mechanism(name)
    odd = folder / "a 'b\" (c) $HOME ;\n\\ü"
    odd.mkdir()
    done = run(contained, "printf '%s' \"--\"; echo x > file; printf %s '--hide'", odd)
    assert (done.returncode, done.stdout) == (0, "----hide")
    assert (odd / "file").is_file()


def test_a_root_that_is_gone_is_no_reason_to_fail(name: str, folder: Path) -> None:
    done = run(mechanism(name), "echo x", folder / "project", folder / "nonesuch")
    assert done.stdout == "x\n"


def test_the_best_that_works_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    usable = [each for each in find_mechanisms(False) if works(each)]
    found = find_containment(False)
    assert type(found) is type(usable[0] if usable else Uncontained())
    monkeypatch.setattr("acp_agent.tools.commands.containment.works", lambda each: False)  # type: ignore
    assert find_containment(False).summary == ""


def test_what_does_not_run_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("about bubblewrap")
    (tmp_path / "bwrap").write_text("#!/bin/sh\necho 'no user namespaces' >&2\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert type(find_containment(False)).__name__ == "Landlock"


def test_without_containment_it_is_the_shell() -> None:
    assert Uncontained().wrap("echo 'a'", [Path("/")]) == ["/bin/sh", "-c", "echo 'a'"]


def test_a_user_without_a_home_has_commands_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def nobody(_: type[Path]) -> Path:
        raise RuntimeError("no home")

    monkeypatch.setattr(Path, "home", classmethod(nobody))
    assert find_containment(False).wrap("true", [tmp_path])[-1] == "true"
