"""Everything that runs in one stage, and what the strikes need to know of it."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.nats_servers import NatsServer, one_server, three_servers
from chaos.plan import Kind, Stage
from chaos.processes import Process, fleet_environment, free_port, plain_environment, python
from chaos.ray_cluster import RayCluster, ray_cluster

MODELS = ("a", "b", "c")
BACKGROUND = {"share": 0.03, "slow_s": 3.0, "retry_after_s": 1.0}
"""What every model server does wrong at any time."""
TRAITS = {"first_token_s": 1.5}
_QUOTA_BYTES = 96 * 1024**2
_DISK_BYTES = 24 * 1024**2
_RESTART_S = 1.0
_UP_S = 60.0


@dataclass(kw_only=True)
class Worker:
    """One ``swe-fleet worker`` with a clock of its own."""

    process: Process
    clock: Path
    keeper: "asyncio.Task[None] | None" = None
    is_struck: bool = False
    """Somebody else sees to it that it runs."""
    own_ends: list[int | None] = field(default_factory=list)
    """Exit statuses of ends that nobody wanted."""


@dataclass(kw_only=True)
class Rig:
    """The running parts."""

    stage: Stage
    folder: Path
    servers: list[NatsServer]
    models: list[Process]
    workers: list[Worker] = field(default_factory=list)
    ray: RayCluster | None = None
    disk: Path | None = None

    @property
    def notes(self) -> Path:
        """Where the probes write."""
        return self.folder / "notes"

    @property
    def urls(self) -> str:
        """Of the record, as the fleet takes them."""
        return ",".join(server.url for server in self.servers)

    def told(self, kind: str, **facts: Any) -> None:
        """Write down a fault, as it begins or as it ends."""
        with (self.folder / "faults.jsonl").open("a") as faults:
            faults.write(json.dumps({"kind": kind, "at": time.time(), **facts}) + "\n")

    def environment(self, name: str) -> dict[str, str]:
        """Of one process of the fleet."""
        clock = self.folder / f"clock-{name}"
        clock.touch()
        settings = {
            "FLEET_NATS__URL": self.urls,
            "FLEET_NATS__REPLICAS": str(self.stage.servers),
            "FLEET_LOG__LEVEL": "info",
            "FLEET_LOG__FORMAT": "json",
            "FLEET_RAY__ENABLED": "false",
        }
        for model in self.models:
            prefix = f"FLEET_MODELS__{model.name.upper()}__"
            limits = {"SENDS_SEED": "true", "FIRST_BYTE_S": "10", "TOTAL_S": "25", "MODEL": "simulated"}
            settings |= {prefix + name: value for name, value in limits.items()}
            settings[f"{prefix}URL"] = f"http://127.0.0.1:{model.command[3]}/v1"
        if self.ray is not None:
            settings |= {"FLEET_RAY__ENABLED": "true", "FLEET_RAY__ADDRESS": self.ray.address}
            settings["FLEET_RAY__TOKEN"] = self.ray.token
        home = self.folder / f"home-{name}"
        home.mkdir(exist_ok=True)
        return fleet_environment(home, notes=self.notes, clock=clock, **settings)

    async def add_worker(self, *args: str) -> Worker:
        """Start one more, and see to it that it is started again when it ends by itself."""
        name = f"worker-{len(self.workers)}"
        command = python("-m", "swe_ai_fleet", "worker", *args)
        process = Process(name, command, env=self.environment(name), log=self.folder / f"{name}.log")
        worker = Worker(process=process, clock=self.folder / f"clock-{name}")
        await process.start()
        worker.keeper = asyncio.ensure_future(_keep(worker))
        self.workers.append(worker)
        return worker

    async def working(self, worker: Worker) -> None:
        """Return when it has begun to work.

        Raises:
            TimeoutError: it has not, within the limit.
        """
        async with asyncio.timeout(_UP_S):
            while not (self.notes / f"sizes-{worker.process.pid}.jsonl").exists():
                await asyncio.sleep(0.1)

    async def stop(self, worker: Worker) -> int | None:
        """SIGTERM, once it works, for a process that only starts knows no order to stop; its exit status."""
        with suppress(TimeoutError):
            await self.working(worker)
        return await worker.process.stop()

    async def stop_workers(self) -> list[int | None]:
        """SIGTERM all of them; their exit statuses."""
        for worker in self.workers:
            worker.is_struck = True
            if worker.keeper is not None:
                worker.keeper.cancel()
        return list(await _all(*(self.stop(worker) for worker in self.workers)))


async def _all(*waits: Any) -> list[Any]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wait) for wait in waits]
    return [task.result() for task in tasks]


async def _keep(worker: Worker) -> None:
    """What a supervisor does: start again what ended by itself."""
    while True:
        await asyncio.sleep(_RESTART_S)
        if not worker.is_struck and not worker.process.runs:
            worker.own_ends.append(await worker.process.wait(0))
            await worker.process.start()


@asynccontextmanager
async def open_rig(stage: Stage, folder: Path) -> AsyncIterator[Rig]:
    """Start all of it; end all of it."""
    folder.mkdir(parents=True)
    (folder / "notes").mkdir()
    async with AsyncExitStack() as stack:
        disk = await stack.enter_async_context(_small_disk(folder / "disk")) if stage.is_small_disk else None
        record = disk or folder / "nats"
        quota = _QUOTA_BYTES if stage.breaks(Kind.QUOTA_FULL) else 0
        opened = three_servers(record) if stage.servers == 3 else one_server(record, store_bytes=quota)
        servers = await stack.enter_async_context(opened)
        models = [await stack.enter_async_context(_model_server(folder, name)) for name in MODELS]
        rig = Rig(stage=stage, folder=folder, servers=servers, models=models, disk=disk)
        if stage.ray:
            nodes = ray_cluster(folder / "ray", rig.environment("ray"))
            rig.ray = await stack.enter_async_context(nodes)
        try:
            yield rig
        finally:
            for worker in rig.workers:
                if worker.keeper is not None:
                    worker.keeper.cancel()
                await worker.process.kill()


@asynccontextmanager
async def _model_server(folder: Path, name: str) -> AsyncIterator[Process]:
    port, log = free_port(), folder / f"model-{name}.jsonl"
    command = python("-m", "chaos.model_server", str(port), str(log), str(ord(name)))
    process = Process(name, command, env=plain_environment(), log=folder / f"model-{name}.log")
    await start_model(process)
    try:
        yield process
    finally:
        await process.kill()


async def start_model(process: Process) -> None:
    """Start it, or start it again, with its everyday faults."""
    await process.start(reads=True)
    await process.tell(json.dumps({"traits": TRAITS, "faults": BACKGROUND}))


@asynccontextmanager
async def _small_disk(folder: Path) -> AsyncIterator[Path | None]:
    """A file system of a few megabytes; None where this user may mount none."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "chaos", str(folder)]
    is_mounted = shutil.which("mount") is not None and await _quietly("mount", *options) == 0
    try:
        yield folder if is_mounted else None
    finally:
        if is_mounted:
            await _quietly("umount", "--lazy", str(folder))


async def _quietly(*command: str) -> int:
    quiet = subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(*command, stdin=quiet, stdout=quiet, stderr=quiet)
    return await process.wait()
