"""The record's servers of one run: one, or a cluster of three, each in a network namespace where that is permitted."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import nats
from nats.aio.client import Client

from chaos.processes import Process, free_port, plain_environment

_READY_S = 120.0
_CALM_S = 2.0
_BRIDGE = f"chaos{os.getpid() % 100_000}"
_NETWORK = f"10.231.{os.getpid() % 250}"


@dataclass(kw_only=True)
class NatsServer:
    """One server with JetStream; it keeps its port and its folder when it is started again."""

    name: str
    folder: Path
    host: str = "127.0.0.1"
    port: int = 0
    cluster_port: int = 0
    routes: tuple[str, ...] = ()
    store_bytes: int = 0
    """What JetStream may store; 0: as much as the disk holds."""
    namespace: str = ""
    """The network namespace it lives in; empty: the machine's own."""
    process: Process | None = None

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{self.host}:{self.port}"

    async def start(self) -> None:
        """Return when it takes connections."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "nats.conf"
        config.write_text(self._config())
        beside = Path(sys.executable).parent / "nats-server"
        binary = str(beside) if beside.exists() else shutil.which("nats-server") or "nats-server"
        inside = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        command = [*inside, binary, "-c", str(config)]
        log = self.folder / "server.log"
        self.process = Process(self.name, command, env=plain_environment(), log=log)
        await self.process.start()
        async with asyncio.timeout(_READY_S):
            while not await self._answers():
                await asyncio.sleep(0.02)

    async def _answers(self) -> bool:
        try:
            reader, writer = await asyncio.open_connection(self.host, self.port)
        except OSError:
            return False
        try:
            async with asyncio.timeout(2):
                return (await reader.readline()).startswith(b"INFO")
        except (OSError, TimeoutError):
            return False
        finally:
            writer.close()

    def _config(self) -> str:
        limit = f", max_file_store: {self.store_bytes}" if self.store_bytes else ""
        text = (
            f"server_name: {self.name}\nlisten: {self.host}:{self.port}\nmax_payload: 1MB\n"
            f"jetstream {{ store_dir: {json.dumps(str(self.folder / 'store'))}{limit} }}\n"
        )
        if self.routes:
            routes = ", ".join(json.dumps(route) for route in self.routes)
            listen = f"{self.host}:{self.cluster_port}"
            text += f"cluster {{ name: chaos, listen: {json.dumps(listen)}, routes: [{routes}] }}\n"
        return text

    async def kill(self) -> None:
        """SIGKILL, like a crash."""
        if self.process is not None:
            await self.process.kill()

    def pause(self) -> None:
        """SIGSTOP: its connections stay open and nothing moves on them."""
        if self.process is not None:
            self.process.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        if self.process is not None:
            self.process.signal(signal.SIGCONT)

    async def cut(self, *, off: bool) -> None:
        """Take its namespace off the network, or put it back; where it has none, stop the process instead."""
        if self.namespace:
            await _run("ip", "link", "set", self.namespace, "down" if off else "up")
        elif off:
            self.pause()
        else:
            self.resume()


@asynccontextmanager
async def one_server(folder: Path, *, store_bytes: int = 0) -> AsyncIterator[list[NatsServer]]:
    """A server of its own."""
    server = NatsServer(name="alone", folder=folder, port=free_port(), store_bytes=store_bytes)
    await server.start()
    try:
        yield [server]
    finally:
        await server.kill()


@asynccontextmanager
async def three_servers(folder: Path) -> AsyncIterator[list[NatsServer]]:
    """Servers that replicate each other's streams, in three namespaces on one bridge where this user may make them."""
    async with _namespaces(3) as hosts:
        spaces = [f"{_BRIDGE}n{n}" if hosts else "" for n in range(3)]
        addresses = hosts or ["127.0.0.1"] * 3
        ports = [free_port() for _ in range(6)]
        routes = tuple(f"nats://{h}:{p}" for h, p in zip(addresses, ports[3:], strict=True))
        servers = [
            NatsServer(
                name=f"n{n}",
                folder=folder / f"n{n}",
                host=addresses[n],
                port=ports[n],
                cluster_port=ports[3 + n],
                routes=routes,
                namespace=spaces[n],
            )
            for n in range(3)
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for server in servers:
                    group.create_task(server.start())
            yield servers
        finally:
            for server in servers:
                await server.kill()


@asynccontextmanager
async def _namespaces(count: int) -> AsyncIterator[list[str]]:
    """Addresses of as many namespaces; empty where they cannot be made."""
    try:
        yield await _make_namespaces(count)
    finally:
        for n in range(count):
            await _run("ip", "netns", "del", f"{_BRIDGE}n{n}")
        await _run("ip", "link", "del", _BRIDGE)


async def _make_namespaces(count: int) -> list[str]:
    if shutil.which("ip") is None:
        return []
    steps = [
        f"link add {_BRIDGE} type bridge",
        f"addr add {_NETWORK}.254/24 dev {_BRIDGE}",
        f"link set {_BRIDGE} up",
    ]
    for n in range(count):
        name = f"{_BRIDGE}n{n}"
        steps += [
            f"netns add {name}",
            f"link add {name} type veth peer name eth0 netns {name}",
            f"link set {name} master {_BRIDGE} up",
            f"-n {name} addr add {_NETWORK}.{n + 1}/24 dev eth0",
            f"-n {name} link set eth0 up",
            f"-n {name} link set lo up",
        ]
    for step in steps:
        if await _run("ip", *step.split()):
            return []
    return [f"{_NETWORK}.{n + 1}" for n in range(count)]


async def _run(*command: str) -> int:
    if shutil.which(command[0]) is None:
        return 127
    quiet = subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
    return await process.wait()


async def leader_of(servers: list[NatsServer], stream: str) -> NatsServer | None:
    """The server that leads a stream; None where nobody says so within a few seconds."""
    try:
        async with asyncio.timeout(10):
            client = await connect(servers)
            try:
                reply = await client.request(f"$JS.API.STREAM.INFO.{stream}", timeout=5)
            finally:
                await client.close()
    except (OSError, TimeoutError, nats.errors.Error):
        return None
    name = (json.loads(reply.data).get("cluster") or {}).get("leader")
    return next((server for server in servers if server.name == name), None)


async def settled(servers: list[NatsServer], *, limit_s: float = 20.0) -> None:
    """Wait until the record is whole again, so that the next fault is one and not two; no longer than the limit."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            while not await _is_whole(servers):
                await asyncio.sleep(0.5)
    await asyncio.sleep(_CALM_S)


async def _is_whole(servers: list[NatsServer]) -> bool:
    """Every server has what the leader of the events has."""
    try:
        client = await connect(servers)
        try:
            reply = await client.request("$JS.API.STREAM.INFO.FLEET_EVENTS", timeout=2)
        finally:
            await client.close()
    except (OSError, nats.errors.Error):
        return False
    cluster = json.loads(reply.data).get("cluster") or {}
    return all(replica.get("current") for replica in cluster.get("replicas") or ())


async def connect(servers: list[NatsServer]) -> Client:
    """A client of NATS' own library that comes back by itself."""

    async def ignore(_error: Exception) -> None:
        """What matters shows in what is asked."""

    return await nats.connect(
        [server.url for server in servers],
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.2,
        ping_interval=3,
        error_cb=ignore,
    )
