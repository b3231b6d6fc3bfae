"""The supervisor of one command: waits, enforces what the kernel does not, kills the whole tree, says how it ended."""

import contextlib
import json
import os
import resource
import select
import signal
import time
from dataclasses import dataclass

from swe_ai_fleet.sandbox.launcher.cgroups import Group, Groups
from swe_ai_fleet.sandbox.launcher.payload import Streams
from swe_ai_fleet.sandbox.launcher.request import Request
from swe_ai_fleet.sandbox.launcher.start import Started, start

_DISK_PERIOD_S = 0.2
_SHELL_SIGNAL = 128
"""What shells, and bubblewrap, add to the number of the signal that ended a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a command ended, as it travels to the fleet."""

    exit_code: int | None = None
    signal: int | None = None
    killed_by: str | None = None
    error: str | None = None
    """It never ran, and why."""

    def encode(self) -> bytes:
        """One JSON line."""
        document = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(document).encode() + b"\n"


def supervise(request: Request, streams: Streams, control: int, groups: Groups | None) -> None:
    """Run one command to its end and tell it on ``control``; when the fleet closes that, the command is killed."""
    try:
        ending = _run(request, streams, control, groups)
    except OSError as error:
        ending = Ending(error=str(error))
    with contextlib.suppress(OSError):  # the fleet has gone
        os.write(control, ending.encode())


def _run(request: Request, streams: Streams, control: int, groups: Groups | None) -> Ending:
    group = _make_group(request, groups)
    try:
        started = start(request, streams, group)
        for descriptor in {streams.stdin, streams.stdout, streams.stderr}:
            os.close(descriptor)
        watch = _Watch(request=request, started=started, control=control)
        killed_by, report = watch.until_end()
        _kill(started, group)
        if group is not None and killed_by is None and group.ran_out_of_memory():
            killed_by = "memory"
    finally:
        if group is not None:
            group.remove()
    return _ending(request, killed_by, report)


def _make_group(request: Request, groups: Groups | None) -> Group | None:
    if groups is None:
        return None
    caps = request.caps
    return groups.make(f"fleet-{os.getpid()}", memory_bytes=caps.memory_bytes, processes=caps.processes + 2)


def _ending(request: Request, killed_by: str | None, report: str) -> Ending:
    word, _, rest = report.partition(" ")
    if killed_by is not None:
        return Ending(killed_by=killed_by)
    if word == "exit" and _was_overtime(request, int(rest) - _SHELL_SIGNAL, is_told=False):
        return Ending(killed_by="cpu")
    if word == "exit":
        return Ending(exit_code=int(rest))
    if word == "signal":
        number = int(rest)
        is_cpu = _was_overtime(request, number, is_told=True)
        return Ending(signal=number, killed_by="cpu" if is_cpu else f"signal {number}")
    if word == "memory":
        return Ending(killed_by="memory")
    return Ending(error=rest or "it ended before it began")


def _was_overtime(request: Request, number: int, *, is_told: bool) -> bool:
    """The kernel's limit on CPU time did it: by its own signal, or by the last one where that was ignored.

    Bubblewrap passes a signal on as an exit code, like a shell; nothing else is believed to.
    """
    if not is_told and request.engine != "bubblewrap":
        return False
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    is_used_up = used.ru_utime + used.ru_stime >= request.caps.cpu_s
    return number == signal.SIGXCPU or (number == signal.SIGKILL and is_used_up)


@dataclass(slots=True, kw_only=True)
class _Watch:
    """Waits for the first of: the end, the fleet's wish, a limit."""

    request: Request
    started: Started
    control: int

    def until_end(self) -> tuple[str | None, str]:
        """The limit that was passed, if any, and what the command reported."""
        deadline = time.monotonic() + self.request.caps.wall_s
        disk = _Disk(self.request)
        poll = select.poll()
        ended = os.pidfd_open(self.started.pid)
        try:
            poll.register(self.control, select.POLLIN)
            poll.register(ended, select.POLLIN)
            while True:
                left_s = deadline - time.monotonic()
                if left_s <= 0:
                    return "wall", ""
                ready = [fd for fd, _ in poll.poll(1000 * min(left_s, _DISK_PERIOD_S) + 1)]
                if ended in ready:
                    return None, self._report()
                if self.control in ready:
                    return "cancelled", ""
                if disk.is_full():
                    return "disk", ""
        finally:
            os.close(ended)

    def _report(self) -> str:
        """What it said; where it has no spokesman, its wait status."""
        os.set_blocking(self.started.report, False)
        said = b""
        with contextlib.suppress(BlockingIOError):
            said = os.read(self.started.report, 4096)
        if said or self.started.whole:
            return said.decode(errors="replace").partition("\n")[0]
        status = os.waitid(os.P_PID, self.started.pid, os.WEXITED | os.WNOWAIT)
        if status is None:
            return ""
        word = "exit" if status.si_code == os.CLD_EXITED else "signal"
        return f"{word} {status.si_status}"


class _Disk:
    """What the writable folder's file system has lost; the folder itself is measured only when that looks like much."""

    def __init__(self, request: Request) -> None:
        self._folder = request.folder
        self._limit = request.caps.disk_bytes
        self._next = 0.0
        self._free = self._free_bytes()

    def is_full(self) -> bool:
        if self._free - self._free_bytes() < self._limit or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + 1.0
        return self._used_bytes() > self._limit

    def _free_bytes(self) -> int:
        with contextlib.suppress(OSError):
            found = os.statvfs(self._folder)
            return found.f_bfree * found.f_frsize
        return 0

    def _used_bytes(self) -> int:
        total = 0
        for folder, _, names in os.walk(self._folder):
            for name in names:
                with contextlib.suppress(OSError):
                    total += os.lstat(f"{folder}/{name}").st_blocks * 512
        return total


def _kill(started: Started, group: Group | None) -> None:
    """Kill everything that the command has started, and collect what comes to us."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(started.pid, signal.SIGKILL)
    while True:
        if not started.whole:
            for pid in _offspring(group):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _offspring(group: Group | None) -> list[int]:
    """Members of the group, and children that are left to us; killing them brings theirs to us."""
    pid = os.getpid()
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        children = [int(word) for word in file.read().split()]
    return children + ([] if group is None else group.members())
