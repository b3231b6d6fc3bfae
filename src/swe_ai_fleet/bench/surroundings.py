"""What every benchmark needs around the fleet: model servers in their own processes, a record of its own, load."""

import asyncio
import gc
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from pydantic import SecretStr

from swe_ai_fleet.bootstrap import Fleet, open_fleet
from swe_ai_fleet.domain.events import Requested
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.domain.task import Budget, CouncilPlan, Task
from swe_ai_fleet.execution.admission import Admission
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.local.embedded import open_embedded
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.models.simulated.traits import Traits
from swe_ai_fleet.settings import ModelSettings, Settings

PROVIDER = "simulated"
_STOP_S = 5.0
_PATIENT_S = 600.0
_PLENTY = 100_000
"""Calls at once that no benchmark reaches, so that what is measured is the fleet and not its limits."""
_TEXT = "Name the three greatest risks of moving the orders of a shop to another database in one night. "


def text_task(
    *, agents: int = 3, rounds: int = 0, seconds: float = 600.0, description_bytes: int = 1024
) -> Task:
    """A task without code: nothing but the fleet, the record and the model is at work."""
    text = (_TEXT * (description_bytes // len(_TEXT) + 1))[:description_bytes]
    plan = CouncilPlan(agents=agents, rounds=rounds, judges=0)
    return Task(description=text, council=plan, budget=Budget(seconds=seconds, soft_seconds=seconds))


@asynccontextmanager
async def simulated_server(traits: Traits) -> AsyncIterator[str]:
    """A simulated model server in a process of its own; yields its URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "swe_ai_fleet.models.simulated", "--traits", traits.model_dump_json()),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        if process.stdout is None:
            raise OSError("the simulated model server has no output")
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.terminate()
        await ended(process)


@asynccontextmanager
async def simulated_servers(traits: Traits, *, count: int) -> AsyncIterator[tuple[str, ...]]:
    """Several of them, so that what is measured is not the one core of a server; yields their URLs."""
    async with AsyncExitStack() as stack:
        opened = [await stack.enter_async_context(simulated_server(traits)) for _ in range(count)]
        yield tuple(opened)


async def ended(process: asyncio.subprocess.Process) -> None:
    """Wait for it, and make it end where it does not."""
    try:
        async with asyncio.timeout(_STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@asynccontextmanager
async def record_of_its_own(*, use_ray: bool) -> AsyncIterator[Settings]:
    """Settings whose record is a fresh nats-server, and whose Ray is this machine's, both stopped afterwards."""
    with tempfile.TemporaryDirectory(prefix="fleet-bench-", ignore_cleanup_errors=True) as folder:
        async with open_embedded(_plentiful(Path(folder), use_ray=use_ray), use_ray=use_ray) as filled:
            yield filled


def _plentiful(folder: Path, *, use_ray: bool) -> Settings:
    """As a user would have them, but for limits that no benchmark is to reach."""
    return Settings(
        data_dir=folder,
        admission=Admission(calls=_PLENTY),
        ray=RayOptions(enabled=use_ray, max_concurrency=20_000, max_pending=20_000),
    )


def asking(
    settings: Settings,
    *urls: str,
    use_ray: bool = False,
    model: str = PROVIDER,
    api_key: SecretStr | None = None,
) -> Settings:
    """The same, with the model servers at ``urls``, dealt to the agents in turn, on Ray or in this process."""
    servers = {
        f"{PROVIDER}{place or ''}": ModelSettings(
            url=url,
            model=model,
            api_key=api_key,
            concurrency=_PLENTY,
            connect_s=_PATIENT_S,
            first_byte_s=_PATIENT_S,
            total_s=_PATIENT_S,
        )
        for place, url in enumerate(urls)
    }
    return settings.model_copy(
        update={
            "models": servers,
            "ray": settings.ray.model_copy(update={"enabled": use_ray}),
        }
    )


class BenchFleet:
    """A fleet that is given one deliberation after the other."""

    def __init__(self, fleet: Fleet, task: Task, *, prefix: str) -> None:
        """``prefix`` begins the ids of its deliberations."""
        self.fleet = fleet
        self._task = task
        self._prefix = prefix
        self._count = 0
        servers = fleet.settings.models.items()
        self._models = tuple(f"{name}:{server.model}" for name, server in sorted(servers))

    async def request(self) -> tuple[Requested, tuple[str, ...]]:
        """The next deliberation's first event, made as the command line makes it."""
        self._count += 1
        return await self.fleet.request(
            self._task,
            deliberation_id=f"{self._prefix}-{self._count}",
            seed=self._count,
            models=self._models,
            relative_to=Path.cwd(),
        )

    async def deliberate(self) -> Result:
        """One deliberation, from its request to its end."""
        requested, notes = await self.request()
        return await self.fleet.deliberate.run(requested, notes=notes)


@asynccontextmanager
async def bench_fleet(settings: Settings, task: Task, *, prefix: str) -> AsyncIterator[BenchFleet]:
    """The fleet as it is wired in production."""
    async with open_fleet(settings) as fleet:
        yield BenchFleet(fleet, task, prefix=prefix)


def text_settings(settings: Settings) -> str:
    """What another process needs to reach the same record, as JSON; see :func:`settings_of`."""
    nats = settings.nats
    token = None if nats.token is None else nats.token.get_secret_value()
    return json.dumps({"data_dir": str(settings.data_dir), "url": nats.url, "token": token})


def settings_of(text: str) -> Settings:
    """The settings of a process beside the one that wrote them: the same record, agents in the process."""
    given = json.loads(text)
    return _plentiful(Path(given["data_dir"]), use_ray=False).model_copy(
        update={"nats": NatsOptions(url=given["url"], token=given["token"])}
    )


async def many(act: Callable[[], Awaitable[object]], *, count: int, at_once: int) -> float:
    """Do it ``count`` times, ``at_once`` at a time; the seconds that it took."""
    waiting = iter(range(count))

    async def work() -> None:
        for _ in waiting:
            await act()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(min(count, at_once)):
            group.create_task(work())
    return time.perf_counter() - began


def settle_memory() -> None:
    """Put what the surroundings made out of the collector's sight, so that it is not counted as the fleet's."""
    gc.collect()
    gc.freeze()
