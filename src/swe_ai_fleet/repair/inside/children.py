"""Forked children: one a candidate, each in a session of its own, each with limits on CPU time and memory."""

import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable
from typing import Any

Message = dict[str, Any]
Report = Callable[[Message], None]

_CHUNK = 65536
_LIMIT_SIGNALS = (signal.SIGPROF, signal.SIGXCPU, signal.SIGALRM)


def arm(cpu_s: float) -> None:
    """Let the kernel kill this process after ``cpu_s`` more seconds of CPU time; 0 disarms."""
    signal.setitimer(signal.ITIMER_PROF, cpu_s)


def cap_memory(more_bytes: int) -> None:
    """Let allocations fail once this process has grown by ``more_bytes`` from here; no effect where unsupported."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # pathlib costs more than the read
            now = int(statm.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + more_bytes, resource.getrlimit(resource.RLIMIT_AS)[1]))
    except (OSError, ValueError):
        return


def in_child(
    work: Callable[[Report], None],
    *,
    wall_s: float,
    receive: Callable[[Message], None],
    inherited: tuple[int, ...] = (),
) -> str:
    """Run ``work`` in a forked child and hand on what it reports, in order.

    ``wall_s`` bounds the silence between two reports; every process of the child's session is killed at the end.
    Returns "done", "timeout" (a limit on time killed it) or "died" (it ended by itself without finishing).
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(work, writer, (reader, *inherited))
    os.close(writer)
    try:
        ending = _listen(reader, wall_s, receive)
    finally:
        os.close(reader)
        _kill_session(pid)
        _, status = os.waitpid(pid, 0)
    if ending == "died" and os.WIFSIGNALED(status) and os.WTERMSIG(status) in _LIMIT_SIGNALS:
        return "timeout"
    return ending


def _child(work: Callable[[Report], None], writer: int, unwanted: tuple[int, ...]) -> None:
    """Work, report the end and leave without running anybody's exit functions."""
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
        for descriptor in unwanted:
            os.close(descriptor)

        def report(message: Message) -> None:
            _write(writer, json.dumps(message).encode() + b"\n")

        work(report)
        arm(0)
        report({"end": True})
        code = 0
    except BaseException as error:  # noqa: BLE001  # the child's last frame: whatever it was, it is told, not raised
        _write(writer, json.dumps({"error": repr(error)[:2000]}).encode() + b"\n")
    finally:
        os._exit(code)


def _write(descriptor: int, content: bytes) -> None:
    while content:
        content = content[os.write(descriptor, content) :]


def _listen(reader: int, wall_s: float, receive: Callable[[Message], None]) -> str:
    pending = b""
    while True:
        deadline = time.monotonic() + wall_s
        ready, _, _ = select.select([reader], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return "timeout"
        chunk = os.read(reader, _CHUNK)
        if not chunk:
            return "died"
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if "end" in message:
                return "done"
            receive(message)


def _kill_session(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        try:
            os.kill(pid, signal.SIGKILL)  # it had not made its own session yet
        except ProcessLookupError:
            return
