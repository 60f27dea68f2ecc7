"""What is known of programs, for deciding which commands an answer may cover; pure.

Owns the tables: programs that run others, change much, or raise rights, and the options
that turn a harmless program into one of these. Does not own reading shell text
(``command_line``) nor the decision (``acp_agent.permissions``).
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_SUBCOMMAND = re.compile(r"[a-z][A-Za-z0-9:_-]*")
_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_SCRIPT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*\.[A-Za-z]{1,4}")


def _table(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PRIVILEGED = _table("sudo sudoedit doas su pkexec runas gsudo run0 please dzdo calife super ksu")

_SHELLS = _table(
    """sh bash dash zsh ksh mksh ash fish csh tcsh elvish nu xonsh busybox toybox cmd pwsh
    powershell rbash pdksh posh yash osh ysh oksh lksh murex"""
)
_RUNNERS = _table(
    """env xargs nohup nice ionice time gtime timeout gtimeout stdbuf setsid watch parallel exec
    eval source . command builtin trap alias unalias export set unset declare typeset local
    readonly hash enable coproc script expect unbuffer entr flock chrt taskset prlimit caffeinate
    chroot unshare nsenter setpriv capsh systemd-run at batch crontab screen tmux strace ltrace
    gdb lldb perf valgrind rlwrap open xdg-open osascript start wsl npx bunx uvx pipx nix nix-shell
    docker podman nerdctl kubectl vagrant ssh scp sftp mosh rsync tar gtar bsdtar cpio zip 7z
    direnv dotenv mise asdf hatch tox nox fakeroot proot bwrap firejail xcrun ssh-agent flatpak
    dbus-run-session torsocks proxychains sem chronic winpty rundll32 mshta wscript cscript
    regsvr32 wmic forfiles msbuild installutil invoke-expression invoke-command invoke-item icm
    start-process start-job saps sajb ii import-module ipmo add-type set-alias sal foreach-object
    foreach where-object arch setarch linux32 linux64 i386 x86_64 uname26 numactl cgexec xvfb-run
    hyperfine watchexec nodemon concurrently cross-env cross-env-shell dotenvx honcho foreman
    py-spy memray kernprof debugpy ddtrace-run run-parts start-stop-daemon systemd-inhibit sg newgrp
    machinectl busctl dbus-send gdbus gio corepack ifne pee vipe zrun dtach abduco zellij byobu"""
)
_KEYWORDS = _table("if then elif else fi for while until do done case esac in function select")
_INLINE = _table(
    """awk gawk mawk nawk sed gsed ed ex vi vim nvim view emacs emacsclient nano pico less more most
    man sqlite3 psql mysql mariadb mongosh redis-cli gnuplot bc dc m4 tclsh wish octave rustc ghc ld
    micropython graalpy jython pyw jrunscript raku elixir ocaml clojure clj bb kotlin jruby mruby
    hy tcc qjs jsc d8 duckdb sqlite sqlcmd dotnet-script csi
    jshell ghci irb iex erl sbcl guile racket scala groovy r rscript ipython bpython ptpython"""
)
_DESTRUCTIVE = _table(
    """rm rmdir unlink shred dd truncate chmod chown chgrp chflags chattr setfacl ln mklink link
    mount umount mkfs fdisk parted kill pkill killall shutdown reboot halt poweroff systemctl
    service launchctl tee install sysctl modprobe insmod iptables useradd usermod passwd visudo
    del erase rd reg schtasks sc net ri remove-item"""
)
_NETWORK = _table(
    """curl wget aria2c http https xh nc ncat netcat socat telnet ftp tftp lftp rclone aws gcloud az
    iwr irm invoke-webrequest invoke-restmethod"""
)

_INTERPRETERS = _table(
    "python pythonw pypy node nodejs deno bun ruby perl php lua luajit julia java swift ts-node tsx"
)
_INLINE_MODULES = _table(
    """timeit code pdb trace cprofile profile runpy asyncio idlelib cgi zipapp zipfile tarfile
    ipython http.server pickle shelve sqlite3 pydoc webbrowser bdb doctest"""
)

_WITH_SUBCOMMANDS = _table(
    """git hg svn jj npm pnpm yarn cargo go rustup pip pipenv poetry pdm uv rye conda mamba brew apt
    apt-get dnf pacman make nmake cmake ninja meson bazel buck gradle mvn sbt dotnet
    composer bundle gem rake just task mix rebar3 stack cabal dune opam swift flutter dart gh glab
    terraform helm deno bun zig coverage"""
)
_SINGLE = _table(
    """pytest mypy pyright pylint flake8 black isort tsc eslint prettier jest vitest mocha phpunit
    rspec ctest ls cat head tail wc grep egrep fgrep rg cut tr uniq nl diff cmp file stat du df pwd
    echo printf tree which whoami uname date sleep true false basename dirname realpath jq sort
    find fd touch mkdir cp mv"""
)
"""Programs whose first argument is never a subcommand."""
_WITH_TWO = _table("gh glab")
_SCRIPT_RUNNERS = {
    *(("npm", "run"), ("npm", "run-script"), ("pnpm", "run"), ("yarn", "run"), ("bun", "run")),
}
_INSTALLERS = _table(
    """npm pnpm yarn bun pip pipenv poetry pdm uv rye conda mamba brew apt apt-get dnf pacman
    cargo go gem bundle composer"""
)
_INSTALLS = _table("install i in add get require")
"""Of an installer: what is named behind is code from elsewhere, so each name is asked about."""
_FALLS_BACK = _table("npm pnpm yarn")
"""They run any program whose name is none of their subcommands, or take these shortened."""
_PACKAGE_COMMANDS = _table(
    """test run install ci add remove update upgrade build lint format check typecheck start dev
    why list ls outdated audit i ci run-script view root prefix version"""
)
_GOALS = _table("make nmake ninja mvn gradle rake just task bazel buck sbt")
"""Each further argument is one more thing to do, or a variable."""
_PASSES_ON = {
    *(("uv", "run"), ("poetry", "run"), ("pipenv", "run"), ("pdm", "run"), ("rye", "run")),
    ("bundle", "exec"),
}
"""Subcommands that run another command, to which all rules apply again."""

_REFUSED_SUBCOMMANDS: Mapping[str, frozenset[str]] = {
    "git": _table(
        """config filter-branch bisect difftool mergetool send-email daemon shell hook credential
        instaweb gui gitk submodule rebase archive clean update-index update-ref upload-pack
        receive-pack fast-import remote-ext var p4 svn cvsserver http-backend
        clone for-each-repo web--browse maintenance"""
    ),
    "pip": _table("config"),
    "coverage": _table("run"),
    "pnpm": _table("exec dlx create init config env"),
    "yarn": _table("exec dlx create init config node"),
    "bun": _table("x exec create eval repl"),
    "deno": _table("eval repl run serve"),
    "go": _table("run generate tool env"),
    "cargo": _table("run r install"),
    "uv": _table("tool self x"),
    "rustup": _table("run"),
    "gh": _table("api alias extension config auth secret codespace"),
    "dotnet": _table("exec fsi script"),
    "gem": _table("exec"),
    "conda": _table("run"),
    "mamba": _table("run"),
    "opam": _table("exec"),
    "stack": _table("exec runghc runhaskell ghci"),
    "cabal": _table("exec repl"),
    "dune": _table("exec utop"),
    "hg": _table("debugshell shell serve"),
}

_RISKY_OPTIONS: Mapping[str, frozenset[str]] = {
    "": _table(
        """--exec --exec-batch --command --cmd --eval --shell --script-shell --pager --editor
        --ext-diff --textconv --upload-pack --receive-pack --rsh --use-compress-program
        --compress-program --to-command --checkpoint-action --config --config-file --rcfile
        --pre --hostname-bin --output --output-file --toolexec --vettool --open-files-in-pager
        --init-file --init-script --init-hook --python-executable --gpg-sign --no-index
        --exec-path --git-dir --work-tree --makefile --file --directory"""
    ),
    "find": _table("-exec -execdir -ok -okdir -delete -fprint -fprint0 -fprintf -fls -files0-from"),
    "fd": _table("-x -X"),
    "sort": _table("-o -T"),
    "git": _table("-O -x -c -C -f -D --run --local-env-vars --force --hard --mirror --delete"),
    "go": _table("-exec -toolexec -vettool -modfile -overlay -ldflags -gccgoflags"),
    "make": _table("-f -C -I -E"),
    "mvn": _table("-D -f -s -gs -P"),
    "gradle": _table("-I -b -c -p"),
    "ctest": _table("-S -D"),
    "rake": _table("-e -E -p -r -f -R -I --require --rakefile --libdir"),
    "tree": _table("-o -R"),
    **dict.fromkeys(_table("gcc g++ cc c++ clang clang++"), _table("-wrapper -specs -B -fplugin")),
}


_RISKY_BEGINNINGS = ("--exec", "--eval", "--command", "--shell")
_OTHER_NAMES = {
    "gmake": "make",
    "bmake": "make",
    "gfind": "find",
    "fdfind": "fd",
    "nodejs": "node",
    "py": "python",
}
_ALWAYS_ASKED = _PRIVILEGED | _SHELLS | _RUNNERS | _KEYWORDS | _INLINE | _DESTRUCTIVE | _NETWORK


def names_privilege(words: Sequence[str]) -> bool:
    """Whether any of ``words`` (of ``loose_words``) is a program that raises rights."""
    for word in words:
        last = _strip_ending(word.rsplit("/", 1)[-1])
        if last in _PRIVILEGED:
            return True
        is_pattern = word.startswith("/") and set("*?[") & set(last) and set(last) != {"*"}
        if is_pattern and any(fnmatchcase(name, last) for name in _PRIVILEGED):
            return True
    return False


def find_prefix(words: Sequence[str]) -> tuple[str, ...] | None:
    """The beginning of the plain command ``words`` that an answer may cover for good.

    None where each call has to be asked about: the program runs other programs or code that
    it is given, destroys, reaches the network, or is not called by its bare name.
    """
    if not words or not _PROGRAM.fullmatch(words[0]):
        return None
    program = _family(words[0])
    if program in _ALWAYS_ASKED or _has_risky_option(program, words):
        return None
    if program in _INTERPRETERS and len(words) > 1 and _SCRIPT.fullmatch(words[1]):
        return tuple(words[:2])
    if program in _WITH_SUBCOMMANDS:
        return _subcommand_prefix(program, words)
    if program in _INTERPRETERS:
        return _module_prefix(program, words)
    is_subcommand = len(words) > 1 and program not in _SINGLE and _SUBCOMMAND.fullmatch(words[1])
    return tuple(words[:2]) if is_subcommand else (words[0],)


def _subcommand_prefix(program: str, words: Sequence[str]) -> tuple[str, ...] | None:
    """``git status``, ``npm run build``, ``uv run pytest``; nothing as wide as ``git``."""
    refused = _REFUSED_SUBCOMMANDS.get(program, frozenset())
    if len(words) < 2 or not _SUBCOMMAND.fullmatch(words[1]) or words[1] in refused:
        return None
    is_listed = program in _GOALS or (program in _INSTALLERS and words[1] in _INSTALLS)
    if is_listed and any(not word.startswith("-") for word in words[2:]):
        return None
    if program in _FALLS_BACK and words[1] not in _PACKAGE_COMMANDS:
        return None
    pair = (program, words[1])
    if pair in _PASSES_ON or pair in _SCRIPT_RUNNERS:
        inner = find_prefix(words[2:])
        return None if inner is None else (*words[:2], *inner)
    if pair == ("uv", "pip"):
        inner = find_prefix(words[1:])
        return None if inner is None else (words[0], *inner)
    if program in _WITH_TWO:
        is_whole = len(words) > 2 and _SUBCOMMAND.fullmatch(words[2])
        return tuple(words[:3]) if is_whole else None
    return tuple(words[:2])


def _module_prefix(program: str, words: Sequence[str]) -> tuple[str, ...] | None:
    """``python -m MODULE``; code in the arguments is never covered."""
    if program not in ("python", "pypy") or len(words) < 3 or words[1] != "-m":
        return None
    module = words[2]
    if not _MODULE.fullmatch(module) or module.lower() in _INLINE_MODULES:
        return None
    if module in _WITH_SUBCOMMANDS or module in _ALWAYS_ASKED or module in _INTERPRETERS:
        inner = find_prefix(words[2:])
        return None if inner is None else (*words[:2], *inner)
    return tuple(words[:3])


def _has_risky_option(program: str, words: Sequence[str]) -> bool:
    """Whether an option, also shortened as GNU's and git's may be, makes it another program."""
    own = _RISKY_OPTIONS.get(program, frozenset())
    for word in words[1:]:
        name = word.partition("=")[0]
        if name.startswith("--"):
            risky = _RISKY_OPTIONS[""] | own
            is_short_for = len(name) > 2 and any(option.startswith(name) for option in risky)
            if is_short_for or name.startswith(_RISKY_BEGINNINGS):
                return True
        elif word.startswith("-") and any(_is_short(option, word) for option in own):
            return True
    return False


def _is_short(option: str, word: str) -> bool:
    """Whether the short ``option`` is ``word``, or one of the letters that stand in it."""
    if option.startswith("--"):
        return False
    return word.startswith(option) or (len(option) == 2 and option[1] in word)


def _family(program: str) -> str:
    """``Python3.11.exe`` is ``python``."""
    name = _strip_ending(program.lower())
    if name not in _ALWAYS_ASKED:
        name = re.sub(r"[0-9]+(\.[0-9]+)*$", "", name)
    return _OTHER_NAMES.get(name, name)


def _strip_ending(name: str) -> str:
    return re.sub(r"\.(exe|cmd|bat|com|ps1)$", "", name)
