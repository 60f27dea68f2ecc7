"""Puts itself under Landlock (and a system call filter) and becomes the given program.

Owns the kernel's interface: rules, their numbers, the filter against IP sockets. Does not
own which places are open (``landlock``). It is run as a file, before every command, so it
imports nothing of the package and little else:

    python -I -S landlock_launcher.py [--offline] [--write PATH]... [--hide PATH]... -- PROGRAM ...

Source: https://docs.kernel.org/userspace-api/landlock.html, landlock(7), seccomp(2)
"""

import ctypes
import os
import sys

FAILED = 125
"""The exit code where the containment could not be had; the program was not run."""

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_SET_SECCOMP, _SECCOMP_FILTER, _NO_NEW_PRIVS = 22, 2, 38
_CAPBSET_DROP = 24
_KEPT_OF_ROOT = frozenset((0, 1, 3, 4, 5, 6, 7))
"""CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID: root's work on files. With
others it could make a disk's device in a writable folder, and write to that."""
_SIGPIPE, _SIGXFSZ = 13, 25

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _IOCTL_DEV, _RESOLVE_UNIX = 1 << 14, 1 << 15, 1 << 16
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV | _RESOLVE_UNIX
_NET_TCP, _SCOPES = 0b11, 0b11

LEAST_ABI = 3
"""Before it, anything could be truncated (Linux 6.2)."""
_ABI_TCP, _ABI_IOCTL, _ABI_SCOPES, _ABI_UNIX = 4, 5, 6, 9

_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | 13  # EACCES
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_X32, _IO_URING_SETUP, _UNIX, _NETLINK = 0x40000000, 425, 1, 16
_ARCHITECTURES = {
    "x86_64": (0xC000003E, 41),
    "aarch64": (0xC00000B7, 198),
    "riscv64": (0xC00000F3, 198),
}
"""By name: the kernel's number of it, and of the system call ``socket``."""


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _Beneath(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


class _Instruction(ctypes.Structure):
    _fields_ = (
        ("code", ctypes.c_uint16),
        ("if_so", ctypes.c_uint8),
        ("if_not", ctypes.c_uint8),
        ("value", ctypes.c_uint32),
    )


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("first", ctypes.POINTER(_Instruction)))


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def find_abi() -> int:
    """The version of Landlock that the kernel has, 0 where it has none."""
    return max(0, _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def has_filter() -> bool:
    """Whether IP sockets can be refused altogether, not only TCP."""
    return os.uname().machine in _ARCHITECTURES


def has_tcp_rules(abi: int) -> bool:
    """Whether this version can refuse TCP."""
    return abi >= _ABI_TCP


def restrict(writable: list[str], hidden: list[str], *, offline: bool) -> None:
    """Restricts this process and all that it will start, for ever.

    ``hidden`` cannot be read where they are outside ``writable``.

    Raises:
        OSError: the kernel refuses.
    """
    abi = find_abi()
    handled = _rights(abi, offline)
    network = _NET_TCP if offline and has_tcp_rules(abi) else 0
    scopes = _SCOPES if abi >= _ABI_SCOPES else 0
    wanted = _Ruleset(handled, network, scopes)
    size = 24 if abi >= _ABI_SCOPES else 16 if abi >= _ABI_TCP else 8
    rules = _call(_CREATE_RULESET, ctypes.byref(wanted), ctypes.c_size_t(size), ctypes.c_uint32(0))
    _allow_around(rules, "/", _READ & handled, [os.path.realpath(path) for path in hidden])
    for path in writable:
        _allow(rules, path, handled)
    if os.geteuid() == 0:
        for number in set(range(64)) - _KEPT_OF_ROOT:
            _libc().prctl(_CAPBSET_DROP, number, 0, 0, 0)  # unknown ones are refused
    _check(_libc().prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    _call(_RESTRICT_SELF, ctypes.c_int(rules), ctypes.c_uint32(0))
    os.close(rules)
    if offline and has_filter():
        _refuse_sockets(*_ARCHITECTURES[os.uname().machine])


def _rights(abi: int, offline: bool) -> int:
    handled = (1 << 15) - 1  # all of ABI 3
    if abi >= _ABI_IOCTL:
        handled |= _IOCTL_DEV
    if abi >= _ABI_UNIX and offline:
        handled |= _RESOLVE_UNIX
    return handled


def _allow_around(rules: int, folder: str, allowed: int, holes: list[str]) -> None:
    """Allows what is below ``folder`` but not below ``holes``.

    The kernel knows no exceptions: every neighbour of a hole gets a rule of its own.
    """
    if folder in holes:
        return
    prefix = folder.rstrip("/") + "/"
    inside = [hole for hole in holes if hole.startswith(prefix) and os.path.lexists(hole)]
    if not inside:
        _allow(rules, folder, allowed)
        return
    _allow(rules, folder, _READ_DIR)
    for name in _names(folder) or {hole[len(prefix) :].split("/")[0] for hole in inside}:
        if not os.path.islink(prefix + name):
            _allow_around(rules, prefix + name, allowed, inside)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []  # it may be passed through, but not listed


def _allow(rules: int, path: str, allowed: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # it is gone, or not for us: nothing to allow
    try:
        if not os.path.isdir(f"/proc/self/fd/{opened}"):
            allowed &= _OF_FILES
        rule = _Beneath(allowed, opened)
        if allowed:
            _call(_ADD_RULE, ctypes.c_int(rules), 1, ctypes.byref(rule), ctypes.c_uint32(0))
    finally:
        os.close(opened)


def _refuse_sockets(architecture: int, socket: int) -> None:
    """Sockets of every family but Unix and netlink are refused; io_uring could make some too."""
    steps = [
        (_LOAD, 0, 0, 4),  # the architecture
        (_EQUAL, 0, 7, architecture),
        (_LOAD, 0, 0, 0),  # the system call
        (_AT_LEAST, 5, 0, _X32),
        (_EQUAL, 4, 0, _IO_URING_SETUP),
        (_EQUAL, 0, 4, socket),
        (_LOAD, 0, 0, 16),  # its first argument
        (_EQUAL, 2, 0, _UNIX),
        (_EQUAL, 1, 0, _NETLINK),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    ]
    program = (_Instruction * len(steps))(*steps)
    wanted = _Program(len(steps), program)
    _check(_libc().prctl(_SET_SECCOMP, _SECCOMP_FILTER, ctypes.byref(wanted), 0, 0))


def _call(number: int, *arguments: object) -> int:
    return _check(_libc().syscall(number, *arguments))


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def main(arguments: list[str]) -> int:
    """Runs the program; comes back only where that fails."""
    writable: list[str] = []
    hidden: list[str] = []
    offline = False
    while (option := arguments.pop(0)) != "--":
        if option == "--offline":
            offline = True
        else:
            (writable if option == "--write" else hidden).append(arguments.pop(0))
    try:
        restrict(writable, hidden, offline=offline)
        for number in (_SIGPIPE, _SIGXFSZ):  # Python ignores them, and what it starts would too
            _libc().signal(number, None)
        os.execv(arguments[0], arguments)
    except OSError as error:
        print(f"acp-agent: the command was not run: {error.strerror}", file=sys.stderr)
    return FAILED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
