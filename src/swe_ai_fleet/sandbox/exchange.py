"""One command as the fleet sees it: its descriptors, and how it ended."""

import json
import os
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from swe_ai_fleet.errors import SandboxError
from swe_ai_fleet.sandbox.launcher.request import Request
from swe_ai_fleet.sandbox.launching import Launcher


@dataclass(frozen=True, slots=True, kw_only=True)
class Ends:
    """Our ends of a command's pipes; ``stdin`` is None where its input was given beforehand."""

    stdin: int | None
    stdout: int
    stderr: int
    control: socket.socket
    """Says how the command ended; shutting down our side kills it."""

    def close(self) -> None:
        """Close all of them."""
        for descriptor in (self.stdin, self.stdout, self.stderr):
            if descriptor is not None:
                with suppress(OSError):
                    os.close(descriptor)
        self.control.close()


def begin(launcher: Launcher, request: Request, *, stdin: bytes | None) -> Ends:
    """Send a command to the launcher; ``stdin`` None keeps its input open for talking.

    Raises:
        SandboxError: the launcher does not start.
    """
    control, theirs = socket.socketpair()
    source = _content(json.dumps(asdict(request)).encode())
    inner, outer = os.pipe() if stdin is None else (_content(stdin), None)
    stdout, stdout_theirs = os.pipe()
    stderr, stderr_theirs = os.pipe()
    ends = Ends(stdin=outer, stdout=stdout, stderr=stderr, control=control)
    try:
        launcher.send([source, inner, stdout_theirs, stderr_theirs, theirs.fileno()])
    except BaseException:
        ends.close()
        raise
    finally:
        for descriptor in (source, inner, stdout_theirs, stderr_theirs):
            os.close(descriptor)
        theirs.close()
    return ends


def _content(content: bytes) -> int:
    """A descriptor from which ``content`` can be read; nothing but memory is behind it."""
    descriptor = os.memfd_create("fleet", os.MFD_CLOEXEC)
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def ending_of(line: bytes) -> Mapping[str, Any]:
    """The launcher's last words on a command.

    Raises:
        SandboxError: the command never ran, or its supervisor was killed.
    """
    if not line:
        raise SandboxError("the supervisor of a sandboxed command was killed")
    ending: Mapping[str, Any] = json.loads(line)
    if ending["error"] is not None:
        raise SandboxError(f"the command could not be started: {ending['error']}")
    return ending


def run_blocking(launcher: Launcher, request: Request) -> tuple[Mapping[str, Any], bytes]:
    """Run a command that says little, and wait: its ending and its stdout. For probing, before a loop runs.

    Raises:
        SandboxError: it could not be started.
    """
    ends = begin(launcher, request, stdin=b"")
    try:
        line = _read_all(ends.control.recv)
        return ending_of(line), _read_all(lambda size: os.read(ends.stdout, size))
    finally:
        ends.close()


def _read_all(read: Callable[[int], bytes]) -> bytes:
    chunks = []
    while chunk := read(65536):
        chunks.append(chunk)
    return b"".join(chunks)
