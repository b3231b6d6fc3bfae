"""Starting one command contained: in namespaces of its own, by bubblewrap, by Landlock alone, or not at all."""

import os
import signal
from dataclasses import dataclass
from typing import NoReturn

from swe_ai_fleet.sandbox.launcher import kernel, memory, view
from swe_ai_fleet.sandbox.launcher.cgroups import Group
from swe_ai_fleet.sandbox.launcher.payload import Streams, become
from swe_ai_fleet.sandbox.launcher.request import Request

_NAMESPACES = (
    kernel.CLONE_NEWUSER
    | kernel.CLONE_NEWNS
    | kernel.CLONE_NEWPID
    | kernel.CLONE_NEWNET
    | kernel.CLONE_NEWIPC
    | kernel.CLONE_NEWUTS
)
INNER_ID = 1000
"""User and group id of untrusted code as it sees itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A command under way."""

    pid: int
    """When this process has gone, so has everything that it started, if ``whole``."""
    report: int
    """Where it says ``exit <code>``, ``signal <n>``, ``memory`` or ``error <text>``; at end of file it has ended."""
    whole: bool


def start(request: Request, streams: Streams, group: Group | None) -> Started:
    """Start the command; its group, where there is one, holds it from its first instruction on."""
    if request.engine == "namespaces":
        return _in_namespaces(request, streams, group)
    return _in_a_session(request, streams, group)


def _in_namespaces(request: Request, streams: Streams, group: Group | None) -> Started:
    go, ready = os.pipe()
    reader, report = os.pipe()
    uid, gid = os.getuid(), os.getgid()
    pid = kernel.clone(_NAMESPACES)
    if pid == 0:
        os.close(ready)
        _init(request, streams, go, report, grouped=group is not None)
    os.close(go)
    os.close(report)
    try:
        _map_ids(pid, uid, gid)
        if group is not None:
            group.add(pid)
        os.write(ready, b"1")
    finally:
        os.close(ready)
    return Started(pid=pid, report=reader, whole=True)


def _map_ids(pid: int, uid: int, gid: int) -> None:
    for name, text in (
        ("setgroups", "deny"),
        ("gid_map", f"{INNER_ID} {gid} 1"),
        ("uid_map", f"{INNER_ID} {uid} 1"),
    ):
        with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
            file.write(text)


def _init(request: Request, streams: Streams, go: int, report: int, *, grouped: bool) -> NoReturn:
    """Process 1 of the new namespaces: makes the view, starts the command, buries the dead, says how it ended."""
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.read(go, 1) != b"1":
            os._exit(1)  # the supervisor has gone
        os.close(go)
        kernel.unshare(kernel.CLONE_NEWCGROUP)
        kernel.raise_loopback()
        caps = request.caps
        view.enter(request.view, disk_bytes=caps.disk_bytes, memory_bytes=caps.memory_bytes)
        pid = os.fork()
        if pid == 0:
            become(request, streams, report, grouped=grouped)
        for descriptor in {streams.stdin, streams.stdout, streams.stderr}:
            os.close(descriptor)
        text = _reap_until(pid) if grouped else memory.reap_until(pid, limit_bytes=caps.memory_bytes)
    except BaseException as error:  # noqa: BLE001  # process 1 has nobody to raise to
        text = f"error {error}"
    os.write(report, text[:2000].encode() + b"\n")
    os._exit(0)


def _reap_until(pid: int) -> str:
    """Collect whatever ends until the command does."""
    while True:
        ended, status = os.waitpid(-1, 0)
        if ended == pid:
            return ending(status)


def ending(status: int) -> str:
    """The words for a wait status."""
    code = os.waitstatus_to_exitcode(status)
    return f"exit {code}" if code >= 0 else f"signal {-code}"


def _in_a_session(request: Request, streams: Streams, group: Group | None) -> Started:
    """Without a process namespace of our own: whatever is orphaned comes to the supervisor."""
    reader, report = os.pipe()
    kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
    pid = os.fork()
    if pid == 0:
        try:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
            if group is not None:
                group.add(os.getpid())
        except OSError as error:
            os.write(report, f"error {error}\n".encode())
            os._exit(127)
        become(request, streams, report, grouped=group is not None)
    os.close(report)
    return Started(pid=pid, report=reader, whole=False)
