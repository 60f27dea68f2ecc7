"""Where files of this agent live: configuration, state, models, runtime sockets.

Owns the locations and their permissions. Does not own what is written there.
``ACP_AGENT_HOME`` moves all of them under one folder; else the platform's customs hold
(platformdirs), except for sockets: ``XDG_RUNTIME_DIR`` where it is usable, else a folder
of the user's in the temporary folder. Nothing is created before it is needed.
"""

import errno
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

SOCKET_PATH_LIMIT = 100
"""Bytes; macOS takes 104 in ``sockaddr_un`` with the terminating zero."""

_NAME = "acp-agent"


@dataclass(slots=True, frozen=True)
class Paths:
    """The folders in force. ``runtime`` holds sockets, so its path is kept short."""

    config_file: Path
    state: Path
    data: Path
    runtime: Path

    @property
    def models(self) -> Path:
        """Installed models, a folder each."""
        return self.data / "models"

    @property
    def log_file(self) -> Path:
        """The agent's log."""
        return self.state / "acp-agent.log"

    @property
    def engine_log_file(self) -> Path:
        """The engine's log."""
        return self.state / "engine.log"

    @property
    def telemetry_file(self) -> Path:
        """The figures of past turns, one JSON object a line."""
        return self.state / "turns.jsonl"

    @property
    def decision_log(self) -> Path:
        """The log of mode ``auto``'s decisions."""
        return self.state / "routing.jsonl"

    @property
    def routing_profile(self) -> Path:
        """The user's own threshold of mode ``auto``."""
        return self.state / "routing-profile.json"

    @property
    def prompt_caches(self) -> Path:
        """What engines saved of past prompts."""
        return self.state / "prompt-cache"

    @property
    def own(self) -> tuple[Path, ...]:
        """Folders and files that are the agent's own and no tool's to touch."""
        return (self.config_file, self.state, self.models, self.runtime)

    @property
    def engine_socket(self) -> Path:
        """The engine's Unix domain socket."""
        return self.runtime / "engine.sock"


def find_paths(environ: Mapping[str, str] | None = None) -> Paths:
    """The folders for this user and ``environ`` (default: the process's environment).

    ``environ`` gives ACP_AGENT_HOME, ACP_AGENT_CONFIG, XDG_RUNTIME_DIR and TMPDIR; the home
    folder and the other XDG variables are always the process's own. Without a usable home
    everything but the configuration goes to the user's folder in the temporary folder.
    """
    env = os.environ if environ is None else environ
    home = env.get("ACP_AGENT_HOME")
    if home:
        root = _absolute(home)
        config, state, data, runtime = root / "config.toml", root / "state", root, root / "run"
    else:
        config, state, data = _platform_folders(env)
        runtime = _runtime_folder(env)
    override = env.get("ACP_AGENT_CONFIG")
    if override:
        config = _absolute(override)
    return Paths(config, state, data, _short_runtime(runtime, env))


def _absolute(text: str) -> Path:
    # Path.expanduser raises where no home is known; this leaves the tilde as it stands.
    return Path(os.path.expanduser(text)).absolute()


def _platform_folders(env: Mapping[str, str]) -> tuple[Path, Path, Path]:
    """The configuration file, the state folder and the data folder."""
    import platformdirs

    dirs = platformdirs.PlatformDirs(_NAME, appauthor=False)
    try:
        found = (dirs.user_config_path, dirs.user_state_path, dirs.user_data_path)
    except RuntimeError:
        found = ()
    if found and all(path.is_absolute() for path in found):
        config, state, data = found
        return config / "config.toml", state, data
    # A predictable name in a folder open to all must not configure anybody's agent, so
    # without a home the machine's configuration holds.
    fallback = _temporary_folder(env) / _user_name()
    return dirs.site_config_path / "config.toml", fallback, fallback


def _runtime_folder(env: Mapping[str, str]) -> Path:
    wanted = env.get("XDG_RUNTIME_DIR")
    if wanted and os.path.isabs(wanted) and _is_own_folder(wanted):
        return Path(wanted) / _NAME
    return _temporary_folder(env) / _user_name()


def _is_own_folder(path: str) -> bool:
    """Whether ``path`` is there and this user's (after sudo the variable is another's)."""
    try:
        found = os.stat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and _is_own(found)


def _short_runtime(wanted: Path, env: Mapping[str, str]) -> Path:
    """``wanted``, or a short folder that stands for it where its sockets would not fit."""
    if sys.platform == "win32" or _fits(wanted):
        return wanted
    import hashlib

    name = f"{_user_name()}-{hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]}"
    short = _temporary_folder(env) / name
    return short if _fits(short) else Path("/tmp") / name


def _fits(runtime: Path) -> bool:
    return len(os.fsencode(runtime / "engine.sock")) <= SOCKET_PATH_LIMIT


def _temporary_folder(env: Mapping[str, str]) -> Path:
    """Where temporary files go; tempfile would write a trial file and may pick the cwd."""
    if sys.platform == "win32":
        import tempfile

        return Path(tempfile.gettempdir())
    wanted = env.get("TMPDIR", "")
    return Path(wanted if os.path.isabs(wanted) and os.path.isdir(wanted) else "/tmp")


def _user_name() -> str:
    return _NAME if sys.platform == "win32" else f"{_NAME}-{os.getuid()}"


def private_folder(path: Path) -> Path:
    """Makes ``path`` a folder for this user only (0700) and returns it.

    It and its missing parents are created; one of the user's own that is open to others
    is closed. On Windows the folder is created and its permissions are left as they are.

    Raises:
        OSError: it cannot be created, is no folder, belongs to somebody else (or is a
            symbolic link of theirs), or stays open to others. ``strerror`` names no path.
    """
    missing = [folder for folder in path.parents if not folder.exists()]
    for folder in [*reversed(missing), path]:
        folder.mkdir(mode=0o700, exist_ok=True)
    if sys.platform == "win32":
        return path
    _check_owner(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o700)
    if stat.S_IMODE(path.stat().st_mode) & 0o022:
        raise _refused(path, "the folder is open to other users, and this file system keeps it so")
    return path


def check_private_folder(path: Path) -> None:
    """Refuses ``path`` unless it is a folder of this user's that nobody else can enter.

    For folders that the user named: nothing is created or changed.

    Raises:
        OSError: it is not there, is no folder, belongs to somebody else (or is a symbolic
            link of theirs), or is open to others. ``strerror`` names no path.
    """
    _check_owner(path)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise _refused(path, "the folder is open to other users")


def _check_owner(path: Path) -> None:
    if not (_is_own(path.lstat()) and _is_own(path.stat())):
        raise _refused(path, "the folder belongs to another user")


def _refused(path: Path, reason: str) -> PermissionError:
    return PermissionError(errno.EACCES, reason, str(path))


def _is_own(found: os.stat_result) -> bool:
    return sys.platform == "win32" or found.st_uid == os.getuid()
