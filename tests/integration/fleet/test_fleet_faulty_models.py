"""Model servers on bad days, seen from whole deliberations; every figure is counted at the servers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats_server import NatsServer, running_nats_server

from swe_ai_fleet.bootstrap import Fleet, open_fleet
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.domain.task import Budget, CouncilPlan, Task
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.models.resilience import RetryPolicy
from swe_ai_fleet.models.simulated import Fault, FaultPlan, SimulatedModelServer, Traits
from swe_ai_fleet.settings import ModelSettings, Settings

pytestmark = [pytest.mark.nats]
AGENTS, QUORUM = 5, 3
TASK = Task(
    description="Name the three greatest risks of a migration in one night.",
    council=CouncilPlan(agents=AGENTS, quorum=QUORUM, judges=0),
    budget=Budget(seconds=60),
)
RETRY = RetryPolicy(base_s=0.02, cap_s=0.2, patience_s=20.0)
EVERY_FAULT = tuple(Fault)


@pytest.fixture
async def record(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with running_nats_server(tmp_path / "nats") as server:
        yield server


@asynccontextmanager
async def fleet_of(record: NatsServer, folder: Path, **servers: SimulatedModelServer) -> AsyncIterator[Fleet]:
    models = {
        name: ModelSettings(url=server.url, model="simulated", first_byte_s=1.0, total_s=2.0)
        for name, server in servers.items()
    }
    settings = Settings(
        data_dir=folder,
        nats=NatsOptions(url=record.url),
        ray=RayOptions(enabled=False),
        models=models,
        retry=RETRY,
    )
    async with open_fleet(settings) as fleet:
        yield fleet


def deliberating(fleet: Fleet, model: str) -> Callable[[str], Awaitable[Result]]:
    async def one(name: str) -> Result:
        requested, notes = await fleet.request(
            TASK, deliberation_id=name, seed=1, models=(model,), relative_to=Path.cwd()
        )
        return await fleet.deliberate.run(requested, notes=notes)

    return one


async def many(one: Callable[[str], Awaitable[Result]], prefix: str, count: int) -> list[Result]:
    """Eight at a time, as a worker does it."""
    slots = asyncio.Semaphore(8)

    async def in_turn(name: str) -> Result:
        async with slots:
            return await one(name)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(in_turn(f"{prefix}-{number}")) for number in range(count)]
    return [task.result() for task in tasks]


def answers(result: Result) -> int:
    return sum(agent.outcome == "answered" for agent in result.agents)


async def test_of_a_server_of_which_three_in_ten_calls_fail_every_council_with_a_quorum_decides(
    record: NatsServer, tmp_path: Path
) -> None:
    faults = FaultPlan(share=0.3, kinds=EVERY_FAULT, retry_after_s=0.1, slow_s=0.1)
    async with SimulatedModelServer(faults=faults, seed=3) as server:
        async with fleet_of(record, tmp_path, faulty=server) as fleet:
            results = await many(deliberating(fleet, "faulty:simulated"), "faulty", 40)
        counts = server.counts
    for result in results:
        assert (result.outcome.value == "decided") == (answers(result) >= QUORUM), result.reason
    assert sum(result.outcome.value == "decided" for result in results) >= 38
    assert set(counts.faults) == {fault.value for fault in EVERY_FAULT}
    useful = counts.requests - sum(counts.faults.values()) + counts.faults[Fault.SLOW]
    assert counts.requests <= 1.5 * useful


@pytest.mark.parametrize(
    "fault", [Fault.SERVER_ERROR, Fault.HANG, Fault.CUT_BEFORE, Fault.MALFORMED, Fault.UNAVAILABLE]
)
async def test_calls_to_a_dead_endpoint_are_cut_by_its_breaker_and_nothing_is_lost(
    record: NatsServer, tmp_path: Path, fault: Fault
) -> None:
    dead = SimulatedModelServer(faults=FaultPlan.always(fault))
    async with dead, SimulatedModelServer(traits=Traits(first_token_s=0.01)) as well:
        async with fleet_of(record, tmp_path, dead=dead, well=well) as fleet:
            one = deliberating(fleet, "dead:simulated|well:simulated")
            assert (await one("opens-it")).outcome.value == "decided"
            before = dead.counts.requests, well.counts.requests
            results = await many(one, "cut", 60)
        to_dead, to_well = dead.counts.requests - before[0], well.counts.requests - before[1]
    assert {result.outcome.value for result in results} == {"decided"}
    assert {answers(result) for result in results} == {AGENTS}
    assert to_dead <= 0.05 * len(results) * AGENTS
    assert to_dead + to_well <= 1.5 * len(results) * AGENTS
