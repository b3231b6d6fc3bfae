"""What a process lets be under way, counted at the model server."""

import asyncio
from pathlib import Path

import pytest
from nats_server import running_nats_server

from swe_ai_fleet.bootstrap import Fleet, open_fleet
from swe_ai_fleet.domain.task import Budget, CouncilPlan, Task
from swe_ai_fleet.execution.admission import Admission
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.models.simulated import SimulatedModelServer, Traits
from swe_ai_fleet.settings import AgentSettings, ModelSettings, Settings

pytestmark = pytest.mark.nats
SAME = "Nothing is risky."
"""What every agent says, so that there is nothing to judge."""
AGENTS, DELIBERATIONS = 5, 4
TASK = Task(
    description="Name the three greatest risks of a migration in one night.",
    council=CouncilPlan(agents=AGENTS),
    budget=Budget(seconds=120, soft_seconds=120),
)


async def outcome(fleet: Fleet, number: int) -> str:
    requested, notes = await fleet.request(
        TASK, deliberation_id=f"d{number}", seed=1, models=("sim:simulated",), relative_to=Path.cwd()
    )
    return (await fleet.deliberate.run(requested, notes=notes)).outcome.value


@pytest.mark.parametrize(
    ("admission", "most"),
    [
        (Admission(calls=3), 3),
        (Admission(calls_per_role={"DEV": 2}), 2),
        (Admission(tokens=400), 4),
        (Admission(tokens=50), 1),
    ],
    ids=["calls", "calls of a role", "tokens", "fewer tokens than one call claims"],
)
async def test_no_more_is_asked_at_once_than_is_admitted_and_everybody_has_a_turn(
    tmp_path: Path, admission: Admission, most: int
) -> None:
    async with (
        running_nats_server(tmp_path / "nats") as record,
        SimulatedModelServer(traits=Traits(first_token_s=0.02), script=lambda _: SAME) as models,
    ):
        settings = Settings(
            data_dir=tmp_path,
            nats=NatsOptions(url=record.url),
            ray=RayOptions(enabled=False),
            agents=AgentSettings(max_tokens=100),
            admission=admission,
            models={"sim": ModelSettings(url=models.url, model="simulated")},
        )
        async with open_fleet(settings) as fleet, asyncio.TaskGroup() as group:
            running = [group.create_task(outcome(fleet, number)) for number in range(DELIBERATIONS)]
    assert {task.result() for task in running} == {"decided"}
    assert models.counts.most_open == most
    assert models.counts.requests == AGENTS * DELIBERATIONS
