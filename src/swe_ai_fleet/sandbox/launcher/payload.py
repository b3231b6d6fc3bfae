"""The last steps before untrusted code: descriptors, limits, privileges, filters, exec."""

import contextlib
import os
import resource
import signal
from dataclasses import dataclass
from typing import NoReturn

from swe_ai_fleet.sandbox.launcher import kernel, landlock, seccomp
from swe_ai_fleet.sandbox.launcher.bubblewrap import command_line
from swe_ai_fleet.sandbox.launcher.request import Caps, Request

_OPEN_FILES = 4096
_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")


@dataclass(frozen=True, slots=True, kw_only=True)
class Streams:
    """The command's three descriptors."""

    stdin: int
    stdout: int
    stderr: int


def become(request: Request, streams: Streams, report: int, *, grouped: bool) -> NoReturn:
    """Turn this process into the command. A failure is told on ``report``, which the exec closes.

    Args:
        request: what to run, and how it is to be held.
        streams: its stdin, stdout and stderr.
        report: the write end of a pipe.
        grouped: a control group bounds its memory and its processes, so that per-process limits need not.
    """
    try:
        _connect(streams)
        limit(request.caps, grouped=grouped, private=request.engine == "namespaces")
        if request.engine == "bubblewrap":
            line = command_line(request)
            os.execve(line[0], line, request.env)  # noqa: S606  # no shell is wanted
        os.chdir(request.folder)
        _confine(request)
        os.execvpe(request.argv[0], list(request.argv), request.env)  # noqa: S606  # no shell is wanted
    except BaseException as error:  # noqa: BLE001  # the last frame of a child: told, not raised
        os.write(report, f"error {error}"[:2000].encode() + b"\n")
    os._exit(127)


def _connect(streams: Streams) -> None:
    os.setsid()
    for number, descriptor in enumerate((streams.stdin, streams.stdout, streams.stderr)):
        os.dup2(descriptor, number, inheritable=True)
    kernel.close_on_exec(3)
    os.umask(0o022)
    # What is ignored here would be ignored by all that it starts.
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        with contextlib.suppress(OSError):  # a few belong to the C library
            signal.signal(number, signal.SIG_DFL)


def _confine(request: Request) -> None:
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    if request.engine == "none":
        return
    shared = request.engine == "landlock"
    view = request.view
    if shared or landlock.version():
        readable = view.readable if shared else ("/",)
        private = () if shared else ("/tmp", "/dev/shm", "/dev/pts")  # of its own mount namespace
        writable = (*view.writable, *private, *_DEVICES)
        landlock.restrict(readable=readable, writable=writable, network=not shared)
    kernel.drop_capabilities()
    seccomp.install(shared=shared)


def limit(caps: Caps, *, grouped: bool, private: bool) -> None:
    """Set what the kernel enforces per process, and per user where the user namespace is a private one."""
    cpu = max(1, round(caps.cpu_s))
    limits = {
        resource.RLIMIT_CPU: (cpu, cpu + 1),
        resource.RLIMIT_FSIZE: (caps.file_bytes, caps.file_bytes),
        resource.RLIMIT_CORE: (0, 0),
        resource.RLIMIT_NOFILE: (_OPEN_FILES, _OPEN_FILES),
        resource.RLIMIT_MEMLOCK: (65536, 65536),
        resource.RLIMIT_MSGQUEUE: (819200, 819200),
    }
    if not grouped:
        limits[resource.RLIMIT_AS] = (caps.memory_bytes, caps.memory_bytes)
        processes = caps.processes if private else caps.processes + _own_tasks()
        limits[resource.RLIMIT_NPROC] = (processes, processes)
    for kind, (soft, hard) in limits.items():
        allowed = resource.getrlimit(kind)[1]
        top = hard if allowed == resource.RLIM_INFINITY else min(hard, allowed)
        resource.setrlimit(kind, (min(soft, top), top))


def _own_tasks() -> int:
    """Tasks of this user that run already; the kernel counts them all."""
    count, uid = 0, os.getuid()
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if entry.stat().st_uid == uid:
                    count += len(os.listdir(f"/proc/{entry.name}/task"))
    return count
