"""A Ray cluster of ``ray start`` processes on this machine: a head that hosts nothing, and nodes that may die."""

import asyncio
import os
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from chaos.processes import Process, descendants, free_port, python

_UP_S = 120.0
_START = "import sys; from ray.scripts.scripts import main; sys.exit(main())"
_STARTED = b"Ray runtime started"
_ACTOR = "ray::RayAgentHost"
_AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""They are parts of a raylet, which ends when they do."""


class RayCluster:
    """Started by :func:`ray_cluster`."""

    def __init__(self, folder: Path, sockets: Path, env: Mapping[str, str]) -> None:
        """``sockets`` has a short name, because the names of Unix sockets are short."""
        self.token = secrets.token_hex(32)
        self.port = free_port()
        self._host = _own_address()
        self._folder = folder
        self._sockets = sockets
        self._env = {
            **env,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": self.token,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_raylet_start_wait_time_s": f"{_UP_S:g}",
            "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        }
        self.nodes: list[Process] = []
        self._started = 0

    @property
    def address(self) -> str:
        """Of the head."""
        return f"{self._host}:{self.port}"

    async def start(self, nodes: int) -> None:
        """The head and its first nodes; returns when they are up."""
        head = [
            "--head",
            f"--port={self.port}",
            "--num-cpus=0",
            "--include-dashboard=false",
            f"--ray-client-server-port={free_port()}",
        ]
        self._head = self._process("head", [*head, f"--temp-dir={self._sockets}"])
        await self._head.start()
        await self._until_up(self._head)
        for _ in range(nodes):
            await self.add()

    async def add(self) -> None:
        """One more node; returns when it is up."""
        self._started += 1
        node = self._process(f"node-{self._started}", [f"--address={self.address}", "--num-cpus=2"])
        await node.start()
        await self._until_up(node)
        self.nodes.append(node)

    async def _until_up(self, node: Process) -> None:
        """Wait until it says so; a node that gives up before its head answers is started again."""
        log = self._folder / f"{node.name}.log"
        async with asyncio.timeout(2 * _UP_S):
            while _STARTED not in log.read_bytes():
                if not node.runs:
                    await node.start()
                await asyncio.sleep(0.2)

    def _process(self, name: str, args: list[str]) -> Process:
        fixed = [
            f"--node-ip-address={self._host}",
            "--object-store-memory=104857600",
            "--disable-usage-stats",
            f"--dashboard-agent-listen-port={free_port()}",  # one that is fixed belongs to one cluster of a machine
            "--block",
        ]
        command = python("-c", _START, "start", *args, *fixed)
        return Process(name, command, env=self._env, log=self._folder / f"{name}.log")

    @staticmethod
    def raylet(node: Process) -> int:
        """The pid of a node's raylet; 0 where it has none."""
        return next((pid for pid, line in descendants(node.pid) if "/raylet/raylet" in line), 0)

    def actors(self) -> list[int]:
        """The processes that host the fleet's agents."""
        return sorted(
            pid for node in self.nodes for pid, line in descendants(node.pid) if line.startswith(_ACTOR)
        )

    def others(self) -> list[int]:
        """Ray's other workers: those that run checks first, then those that wait for something to do."""
        found = [
            (line.startswith("ray::IDLE"), pid)
            for node in self.nodes
            for pid, line in descendants(node.pid)
            if line.startswith("ray::") and not line.startswith((_ACTOR, *_AGENTS))
        ]
        return [pid for _, pid in sorted(found)]

    async def kill_raylet(self, target: int) -> int:
        """SIGKILL one node's raylet, which takes its workers with it; its pid, 0 where it had died before."""
        node = self.nodes.pop(target % len(self.nodes))
        pid = self.raylet(node)
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await node.wait(10)
        await node.kill()
        return pid

    async def stop(self) -> None:
        """Kill everything."""
        for process in (*self.nodes, self._head):
            pids = [pid for pid, _ in descendants(process.pid)]
            await process.kill()
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _own_address() -> str:
    """The one that Ray finds for this machine, for it takes no other; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 53))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])


@asynccontextmanager
async def ray_cluster(folder: Path, env: Mapping[str, str], *, nodes: int = 2) -> AsyncIterator[RayCluster]:
    """A head and that many nodes of two CPUs; killed on leaving."""
    sockets = Path(tempfile.mkdtemp(prefix="chaos-"))
    cluster = RayCluster(folder, sockets, env)
    try:
        await cluster.start(nodes)
        yield cluster
    finally:
        await cluster.stop()
        shutil.rmtree(sockets, ignore_errors=True)
