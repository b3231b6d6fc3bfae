"""The few system calls that Python does not offer. Every failure is an ``OSError`` that names the call."""

import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_CAPBSET_DROP, PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 1, 24, 36, 38

_X86 = os.uname().machine == "x86_64"
_CLONE = 56 if _X86 else 220
_PIVOT_ROOT = 155 if _X86 else 41
_CLOSE_RANGE = 436
_MOUNT_SETATTR = 442
_SIGCHLD = 17
_AT_RECURSIVE = 0x8000
_CAPABILITIES = 0x20080522
_SIOCSIFFLAGS = 0x8914

_libc = ctypes.CDLL(None, use_errno=True)


def checked(what: str, result: int) -> int:
    """The result, or the error that libc left behind."""
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def syscall(what: str, number: int, *arguments: int | bytes | None) -> int:
    """A raw system call; whole numbers are passed as long, bytes and None as pointers."""
    return checked(what, _libc.syscall(ctypes.c_long(number), *(_argument(a) for a in arguments)))


def _argument(value: int | bytes | None) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else ctypes.c_char_p(value)


def clone(flags: int) -> int:
    """Fork into new namespaces; 0 in the child, like ``fork``."""
    return syscall("clone", _CLONE, flags | _SIGCHLD, 0, 0, 0, 0)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount ``source`` on ``target``."""
    result = _libc.mount(
        source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    checked(f"mount {target}", result)


def restrict_mount(target: str, flags: int) -> None:
    """Add read-only, nosuid, nodev or noexec to a mount and to everything mounted below it."""
    attributes = struct.pack("QQQQ", flags, 0, 0, 0)
    syscall(
        f"mount_setattr {target}",
        _MOUNT_SETATTR,
        -100,
        target.encode(),
        _AT_RECURSIVE,
        attributes,
        len(attributes),
    )


def detach(target: str) -> None:
    """Unmount as soon as nothing uses it."""
    checked(f"umount {target}", _libc.umount2(target.encode(), MNT_DETACH))


def pivot_root(new: str, old: str) -> None:
    """Make ``new`` the root and put the former one at ``old``."""
    syscall("pivot_root", _PIVOT_ROOT, new.encode(), old.encode())


def unshare(flags: int) -> None:
    """Leave these namespaces for new ones."""
    checked("unshare", _libc.unshare(flags))


def prctl(option: int, value: int = 0) -> None:
    """One of the process's own switches."""
    checked(f"prctl {option}", _libc.prctl(option, ctypes.c_ulong(value), 0, 0, 0))


def drop_capabilities() -> None:
    """Lose every capability, now and for whatever is executed later."""
    for capability in range(64):
        if _libc.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) < 0:
            break  # past the last one that this kernel knows, or none to lose
    header, nothing = struct.pack("Ii", _CAPABILITIES, 0), bytes(24)
    checked("capset", _libc.capset(header, nothing))


def close_on_exec(first: int) -> None:
    """Let no descriptor from ``first`` on survive the next exec."""
    syscall("close_range", _CLOSE_RANGE, first, 0xFFFFFFFF, 4)


def raise_loopback() -> None:
    """Bring the loopback interface of this network namespace up."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        fcntl.ioctl(plain, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", 1))
