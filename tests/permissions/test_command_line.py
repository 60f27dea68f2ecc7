"""Shell text that is a plain command, and all that is not; what an answer may cover."""

import random
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from acp_agent.permissions.command_line import explain_unreadable, loose_words, read_words
from acp_agent.permissions.command_reach import find_outside
from acp_agent.permissions.guarded_paths import name_guarded
from acp_agent.permissions.known_commands import find_prefix
from tests.permissions.test_permissions import ROOT

PLAIN = {
    "git status": ["git", "status"],
    "  git\tstatus  ": ["git", "status"],
    "git commit -m 'one two'": ["git", "commit", "-m", "one two"],
    'git commit -m "it\'s"': None,
    "echo '' \"\"": ["echo", "", ""],
    "echo a'b'\"c\"d": ["echo", "abcd"],
    "find . -name '*.py'": ["find", ".", "-name", "*.py"],
    "pytest a.py::test_b": ["pytest", "a.py::test_b"],
    "cargo build --features=a,b": ["cargo", "build", "--features=a,b"],
    "grep größe x": ["grep", "größe", "x"],
}

NOT_PLAIN = [
    *("", " ", "\n", "'", "git status '", 'git "status', "''git'"),
    *("a; b", "a;b", "a | b", "a || b", "a && b", "a & b", "a &", "a\nb", "a\rb", "a\n"),
    *("a > b", "a < b", "a >> b", "a 2>&1", "a <<< b", "a <(b)", "a >&2", "a &> b"),
    *("a $b", "a ${b}", "a $(b)", "a `b`", 'a "$b"', 'a "`b`"', "a $'b'", "a $((1))", "a '$b'"),
    *("(a)", "{ a; }", "a {b,c}", "a *.py", "a ?", "a [b]", "a ~/b", "a ~", "!a", "a !!", "# a"),
    *("a \\b", "a\\\nb", "a 'b;c'", 'a "b\nc"', "a %PATH%", "a ^& b", "a #b", "a=b c", "a=b"),
    *(
        "'a=b' c",
        "=ls",
        "ls =ls",
        "a\x00b",
        "a\x0bb",
        "a\xa0b",
        "a\u2028b",
        "a \u202eb",
        "a \u200b",
    ),
]


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_command_is_read_as_a_shell_does(text: str) -> None:
    words = PLAIN[text]
    assert read_words(text) == (None if words is None else tuple(words))


PIECES = [
    *"git status-c.;|&<>$`(){}[]\\'\"\n\t =*?~#!%^/@,:+_é",
    *(
        "git",
        "ls ",
        "'a b'",
        '"c d"',
        " -x",
        " --a=b",
        "''",
        '"~"',
        "'*'",
        "#x",
        " '#y'",
        "'{a,b}'",
    ),
]


@pytest.mark.skipif(shutil.which("sh") is None, reason="needs a POSIX shell")
def test_a_shell_passes_on_the_words_that_were_read(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    choose = random.Random(5)
    texts = ("p " + "".join(choose.choices(PIECES, k=choose.randint(1, 7))) for _ in range(40000))
    read = {text: words for text in texts if (words := read_words(text))}
    assert len(read) > 2000
    lines = "\n".join(read)
    script = f"p() {{ for a; do printf '%s\\001' \"$a\"; done; printf '\\002'; }}\n{lines}\n"
    result = subprocess.run(
        ["sh"],
        input=script,
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=60,
        encoding="utf-8",
    )
    got = [call.split("\x01")[:-1] for call in result.stdout.split("\x02")[:-1]]
    assert got == [list(words[1:]) for words in read.values()]
    assert all(list(words) == shlex.split(text) for text, words in read.items())


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_anything_else_is_not_read(text: str) -> None:
    assert read_words(text) is None
    assert explain_unreadable(text)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("s'u'do x", "sudo"),
        ("su\\\ndo x", "sudo"),
        ("a;SUDO x", "sudo"),
        ("X=sudo", "sudo"),
        ("$'\\163\\165do'", "sudo"),
        ("echo {sudo,x}", "sudo"),
        ("a`sudo`", "sudo"),
        ("c:\\windows\\runas.exe", "/windows/runas.exe"),
    ],
)
def test_words_are_found_loosely(text: str, word: str) -> None:
    assert word in loose_words(text)


PREFIXES = {
    "git status -s": "git status",
    "git log --oneline -5 main..dev": "git log",
    "pytest -x tests/a.py": "pytest",
    "pytest tests": "pytest",
    "ruff check .": "ruff check",
    "cargo test --release": "cargo test",
    "npm test": "npm test",
    "npm run build": "npm run build",
    "npm run build -- --watch": "npm run build",
    "uv run pytest -q": "uv run pytest",
    "uv run python -m pytest": "uv run python -m pytest",
    "python -m pytest -q": "python -m pytest",
    "python3.11 -m unittest": "python3.11 -m unittest",
    "python -m pip list": "python -m pip list",
    "npm install --verbose": "npm install",
    "npm run-script build": "npm run-script build",
    "uv pip list": "uv pip list",
    "uv sync": "uv sync",
    "coverage report": "coverage report",
    "git push origin main": "git push",
    "python tools/gen.py --all": "python tools/gen.py",
    "node build.js": "node build.js",
    "make test": "make test",
    "go test ./...": "go test",
    "gh pr view 3": "gh pr view",
    "tsc --noEmit --pretty": "tsc",
    "ls -la src": "ls",
    "find . -name x": "find",
    "rg foo src": "rg",
}


@pytest.mark.parametrize("text", PREFIXES)
def test_what_an_answer_may_cover(text: str) -> None:
    assert find_prefix(read_words(text) or ()) == tuple(PREFIXES[text].split())


ALWAYS_ASKED = """
git|git -c a=b status|git -C x status|git --exec-path=x status|git config x y|git clone x
git diff --output=x|git diff --outp=x|git grep -Ovi x|git fetch --upload-pack=x a|git rebase -x a b
git submodule foreach x|./git status|/tmp/git status|bin/git status|../git status|-git x
sudo ls|SUDO ls|sudo.exe ls|doas ls|su x|pkexec ls
sh -c ls|bash x.sh|zsh -c x|env ls|env A=b ls|xargs ls|nohup ls|nice ls|time ls|timeout 5 ls
watch ls|parallel ls|exec ls|eval ls|source x|command ls|builtin cd|busybox sh|stdbuf -o0 ls
python|python -c 1|python -i x.py|python -|python -m timeit x|python -m pdb x|python -mtimeit x
python -m pip config x|python3 -c 1|pypy -c 1|node|node -e 1|node -p 1|nodejs -e 1|node --eval=1
perl -e 1|perl -ne 1|ruby -e 1|php -r 1|lua -e 1|deno eval 1|bun x y|bun eval 1|java -cp x Y
awk 1 x|gawk 1|sed -i x y|sed x y|vim x|ed x|less x|man x|sqlite3 x|psql x
find . -delete|find . -exec x|find . -execdir x|find . -ok x|find . -fprint x|fd -x ls|fd -Hx ls
fd --exec ls|rg --pre x y|rg --pr x y|sort -o x y|sort -uo x y|tar -x|tar --to-command=x|zip -T x
make|make A=b test|make test A=b|make -f x test|make -j4 test|make test deploy|make test -f x
npm|npm exec x|npx x|npm x y|npm run|npm run sh|npm --prefix x test|pnpm sh|pnpm dlx x|yarn node
yarn dlx x|uv run|uv run sh|uv run --with x y|uv run python -c 1|uvx x|poetry run sh|bundle exec sh
cargo run|cargo --config x test|cargo test --config x|go run x|go generate|go test -exec x
go test --exec=x|mvn test -Dx=y|gradle test -I x|gcc -wrapper x y|docker run x|ssh x y|rsync a b
curl x|wget x|nc x|rm x|rm -rf x|chmod x y|ln -s x y|dd x|kill 1|shutdown|tee x|crontab x
if|while|then ls|function x|gh api x|gh pr|gh|env|tox|ctest -S x|rake -e x|rake test --execute=x
pip|pip -q install|cmd x|powershell x|pwsh x|wsl ls|iex x|Remove-Item x|Start-Process x|irm x
start x|open x|osascript x|rundll32 x
py -c 1|py x|pylint --init-hook=x|mypy --python-executable=./x|rake test -ex|go build -ldflags=x
npm install x|npm i x|npm exe x|npm rum x|npm pkg set x|pip install x|pip install -r x|uv add x
uv pip install x|python -m pip install x|cargo add x|go install x|gem install x|poetry add x
coverage run x|python -m coverage run x|python -m pickle x|python -m sqlite3 x|python -m pydoc x
arch ls|setarch x ls|sg x|newgrp x|hyperfine x|corepack yarn|yash x|tcc -run x|duckdb x|raku -e x
git reset --hard|git push -f|git push --force|git branch -D x|git maintenance start
"""


@pytest.mark.parametrize(
    "text", [text for line in ALWAYS_ASKED.split("\n") for text in line.split("|") if text]
)
def test_what_no_answer_covers(text: str) -> None:
    words = read_words(text)
    assert words is None or find_prefix(words) is None


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["cat", "a/b", "../shop/x"], None),
        (["cat", "/home/ann/shop/x"], None),
        (["git", "log", "origin/main..dev"], None),
        (["cat", "../x"], "../x"),
        (["cat", "a/../../x"], "a/../../x"),
        (["cp", "x", "/etc/y"], "/etc/y"),
        (["cc", "-I/usr/include"], "-I/usr/include"),
        (["git", "--git-dir=/x"], "--git-dir=/x"),
        (["scp", "host:/x"], "host:/x"),
        (["pip", "install", "git+https://x/y"], "git+https://x/y"),
        (["cat", "~/x"], "~/x"),
        (["cat", "-o../x"], "-o../x"),
        (["cat", "/home/ann/shopping"], "/home/ann/shopping"),
    ],
)
def test_words_that_lead_out_are_found(words: list[str], found: str | None) -> None:
    assert find_outside(words, ROOT, [ROOT]) == found


@pytest.mark.parametrize(
    ("text", "is_guarded"),
    [
        ("cat .gitignore", False),
        ("git log a.git", False),
        ("ls .git", True),
        ("cp x sub/.git/hooks/y", True),
        ("echo >~/.bashrc", True),
        ("echo >$HOME/.config/fish/x", True),
        ("tee /etc/profile.d/x", True),
        ("cat profile", False),
    ],
)
def test_guarded_files_are_found_in_commands(text: str, is_guarded: bool) -> None:
    assert (name_guarded(loose_words(text)) is not None) == is_guarded
