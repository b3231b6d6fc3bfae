"""Landlock: which paths may be read and written, whatever the file modes say; for any user, without namespaces."""

import os
import struct
from collections.abc import Iterable

from swe_ai_fleet.sandbox.launcher.kernel import syscall

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_PATH_BENEATH = 1
_VERSION = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV
_TCP = 3
_SCOPED = 3
"""Abstract Unix sockets and signals stay inside."""


def version() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    try:
        return syscall("landlock", _CREATE, None, 0, _VERSION)
    except OSError:
        return 0


def restrict(*, readable: Iterable[str], writable: Iterable[str], network: bool) -> None:
    """Confine this process and all that come from it for good; ``no_new_privs`` must be set.

    Args:
        readable: files and folders that may be read and executed; those that are missing are passed over.
        writable: ... and changed.
        network: leave TCP alone, because a private network namespace holds it.
    """
    known = version()
    everything = (1 << (13 + (known >= 2) + (known >= 3) + (known >= 5))) - 1
    scoped = _SCOPED if known >= 6 else 0
    tcp = 0 if network or known < 4 else _TCP
    attributes = struct.pack("QQQ", everything, tcp, scoped)
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    ruleset = syscall("landlock_create_ruleset", _CREATE, attributes[:size], size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ)
        for path in writable:
            _allow(ruleset, path, everything)
        syscall("landlock_restrict_self", _RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            access &= _ON_FILES
        rule = struct.pack("=Qi", access, descriptor)
        syscall("landlock_add_rule", _ADD, ruleset, _PATH_BENEATH, rule, 0)
    finally:
        os.close(descriptor)
