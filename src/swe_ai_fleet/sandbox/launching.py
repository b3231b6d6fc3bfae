"""The fleet's end of the launcher: one warm process, started when the first command comes."""

import array
import atexit
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from swe_ai_fleet.errors import SandboxError

_START_S = 20.0
_SOURCE = str(Path(__file__).resolve().parents[2])
_PROGRAM = (
    f"import sys; sys.path.append({_SOURCE!r}); from swe_ai_fleet.sandbox.launcher.serve import main; main()"
)


class Launcher:
    """Sends requests to the launcher, from any thread; starts it, and again if it has died or this process forked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self.grouped = False
        """Control groups bound memory and processes of whole trees; known once it runs."""

    def start(self) -> None:
        """Make sure that it runs.

        Raises:
            SandboxError: it does not start.
        """
        with self._lock:
            self._ensure()

    def send(self, descriptors: Sequence[int]) -> None:
        """Hand over one request: its JSON, stdin, stdout, stderr and control, which stay ours to close.

        Raises:
            SandboxError: the launcher does not start.
        """
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
        with self._lock:
            try:
                self._ensure().sendmsg([b"x"], rights)
            except OSError:
                self._stop()
                self._ensure().sendmsg([b"x"], rights)

    def close(self) -> None:
        """End it; whatever it has started is killed with its own control socket."""
        with self._lock:
            self._stop()

    def _ensure(self) -> socket.socket:
        if self._socket is not None and self._owner == os.getpid():
            return self._socket
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-I", "-S", "-B", "-c", _PROGRAM, str(theirs.fileno())]
            self._process = subprocess.Popen(
                command,
                env={},
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        ours.settimeout(_START_S)
        hello = b""
        with suppress(OSError):
            hello = ours.recv(16)
        if not hello:
            ours.close()
            self._stop()
            raise SandboxError("the launcher of untrusted code did not start")
        ours.settimeout(None)
        self.grouped = hello == b"grouped"
        self._socket, self._owner = ours, os.getpid()
        return ours

    def _stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None and self._owner == os.getpid():
            self._process.wait()
        self._socket = self._process = None


LAUNCHER = Launcher()
"""The one launcher of this process."""
atexit.register(LAUNCHER.close)
