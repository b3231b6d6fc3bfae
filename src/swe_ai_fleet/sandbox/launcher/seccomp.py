"""A system-call filter: what untrusted code never needs is refused before the kernel's own code sees it.

Classic BPF as of ``seccomp(2)``. Everything else is allowed: the namespaces and Landlock confine what remains.
"""

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Mapping

from swe_ai_fleet.sandbox.launcher.kernel import syscall

_X86 = os.uname().machine == "x86_64"
_ARCH = 0xC000003E if _X86 else 0xC00000B7
_SECCOMP = 317 if _X86 else 277
_LOAD, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NR, _ARCH_AT = 0, 4

_Table = Mapping[str, tuple[int | None, int | None]]
# By name, the numbers on x86-64 and on AArch64.
_REFUSED: _Table = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "pidfd_getfd": (438, 438),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "move_mount": (429, 429),
    "open_tree": (428, 428),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "unshare": (272, 97),
    "setns": (308, 268),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "lookup_dcookie": (212, 18),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "acct": (163, 89),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "move_pages": (279, 239),
    "migrate_pages": (256, 238),
    "vhangup": (153, 58),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "uselib": (134, None),
}

# Without namespaces of its own, code could reach other processes of the same user by these.
_REFUSED_WHEN_SHARED: _Table = {
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "connect": (42, 203),
}
# Landlock does not look at changes of a file's owner, mode or times, and the user's own files are in reach of these.
_OWNERS_WHEN_SHARED: _Table = {
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
}
# These do nothing and say that they did: copying a file would fail for no reason that matters.
_WITHOUT_EFFECT_WHEN_SHARED: _Table = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
}
_OWN_ONLY_WHEN_SHARED: _Table = {
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}
_REFUSED_IN_A_CELL: _Table = {
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "socketpair": (53, 199),
}
_CLONE_THREAD = 0x00010000
_CLONE, _CLONE3, _IOCTL, _SOCKET = (56, 435, 16, 41) if _X86 else (220, 435, 29, 198)
_NEW_NAMESPACES = 0x7E020000
_TERMINAL_INPUT = (0x5412, 0x541C)
_X32 = 0x40000000
_INSTRUCTION_BYTES = 8

_Instruction = tuple[int, int, int, int]


def install(*, shared: bool) -> None:
    """Filter this process and all that come from it; ``no_new_privs`` must be set.

    Args:
        shared: there are no namespaces around this process, so every socket and every reach to another process
            is refused as well.
    """
    install_packed(packed(shared=shared))


def packed_for_a_cell() -> bytes:
    """The filter of a process that may compute and nothing else: no other process, no signal, no socket."""
    program: list[_Instruction] = [(_LOAD, 0, 0, _NR)]
    for number in _numbers(_REFUSED_IN_A_CELL) + _numbers(_REFUSED_WHEN_SHARED) + [_SOCKET]:
        program += [(_JEQ, 0, 1, number), *_refuse(errno.EPERM)]
    program += _when(
        _CLONE, [(_LOAD, 0, 0, _argument(0)), (_JSET, 1, 0, _CLONE_THREAD), *_refuse(errno.EPERM)]
    )
    for number in _numbers(_OWN_ONLY_WHEN_SHARED):
        program += _when(number, [(_LOAD, 0, 0, _argument(0)), (_JEQ, 1, 0, 0), *_refuse(errno.EPERM)])
    program.append((_RET, 0, 0, _ALLOW))
    return _pack(program)


def install_packed(program: bytes) -> None:
    """Filter this process and all that come from it; ``no_new_privs`` must be set."""
    holder = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("HxxxxxxP", len(program) // _INSTRUCTION_BYTES, ctypes.addressof(holder))
    syscall("seccomp", _SECCOMP, 1, 0, header)


def packed(*, shared: bool) -> bytes:
    """The filter as the kernel and bubblewrap read it."""
    return _pack(_program(shared=shared))


def _pack(program: list[_Instruction]) -> bytes:
    return b"".join(struct.pack("HBBI", *instruction) for instruction in program)


def _program(*, shared: bool) -> list[_Instruction]:
    program: list[_Instruction] = [
        (_LOAD, 0, 0, _ARCH_AT),
        (_JEQ, 1, 0, _ARCH),
        (_RET, 0, 0, _KILL),
        (_LOAD, 0, 0, _NR),
    ]
    if _X86:
        program += [(_JGE, 0, 1, _X32), (_RET, 0, 0, _ERRNO | errno.ENOSYS)]
    refused = _numbers(_REFUSED)
    if shared:
        refused += _numbers(_REFUSED_WHEN_SHARED) + _numbers(_OWNERS_WHEN_SHARED)
        for number in _numbers(_WITHOUT_EFFECT_WHEN_SHARED):
            program += [(_JEQ, 0, 1, number), *_refuse(0)]
    for number in refused:
        program += [(_JEQ, 0, 1, number), *_refuse(errno.EPERM)]
    program += [(_JEQ, 0, 1, _CLONE3), (_RET, 0, 0, _ERRNO | errno.ENOSYS)]
    program += _when(
        _CLONE, [(_LOAD, 0, 0, _argument(0)), (_JSET, 0, 1, _NEW_NAMESPACES), *_refuse(errno.EPERM)]
    )
    terminal = [
        (_LOAD, 0, 0, _argument(1)),
        (_JEQ, 1, 0, _TERMINAL_INPUT[0]),
        (_JEQ, 0, 1, _TERMINAL_INPUT[1]),
    ]
    program += _when(_IOCTL, [*terminal, *_refuse(errno.EPERM)])
    program += _when(_SOCKET, _sockets(shared=shared))
    if shared:
        for number in _numbers(_OWN_ONLY_WHEN_SHARED):
            program += _when(number, [(_LOAD, 0, 0, _argument(0)), (_JEQ, 1, 0, 0), *_refuse(errno.EPERM)])
    program.append((_RET, 0, 0, _ALLOW))
    return program


def _sockets(*, shared: bool) -> list[_Instruction]:
    """A private network namespace has a loopback of its own; without one there are socket pairs only."""
    if shared:
        return list(_refuse(errno.EACCES))
    families = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6)
    allowed = [(_JEQ, 0, 1, int(family)) for family in families]
    program: list[_Instruction] = [(_LOAD, 0, 0, _argument(0))]
    for test in allowed:
        program += [test, (_RET, 0, 0, _ALLOW)]
    return [*program, *_refuse(errno.EAFNOSUPPORT)]


def _when(number: int, block: list[_Instruction]) -> list[_Instruction]:
    """Run ``block`` for this call only, and have the call's number loaded again after it."""
    return [(_JEQ, 0, len(block) + 1, number), *block, (_LOAD, 0, 0, _NR)]


def _refuse(code: int) -> tuple[_Instruction]:
    return ((_RET, 0, 0, _ERRNO | code),)


def _argument(index: int) -> int:
    return 16 + 8 * index


def _numbers(table: _Table) -> list[int]:
    numbers = (entry[0] if _X86 else entry[1] for entry in table.values())
    return [number for number in numbers if number is not None]
