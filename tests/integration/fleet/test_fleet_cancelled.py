"""Cancelled from elsewhere: the model server sees every connection closed, and nothing that comes later is ranked."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from command_line import environment, started, swe_fleet
from nats_server import running_nats_server

from swe_ai_fleet.domain.events import Closed, Event, Proposed, Requested
from swe_ai_fleet.domain.proposal import Proposal, proposal_id
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.models.simulated import SimulatedModelServer, Traits
from swe_ai_fleet.models.simulated.counts import Counts
from swe_ai_fleet.ports.record import EventLog

pytestmark = [pytest.mark.local, pytest.mark.nats, pytest.mark.ray, pytest.mark.timeout(300)]
NAMES = ("one", "two", "three")
AGENTS = 6
TASK = f"description: Name three risks.\ncouncil: {{agents: {AGENTS}}}\nbudget: {{seconds: 600}}\n"


def late_answer(events: list[Event]) -> Proposed:
    """What an agent says that was not reached in time."""
    [requested] = [event for event in events if isinstance(event, Requested)]
    [closed] = [event for event in events if isinstance(event, Closed)]
    spec = requested.council.agents[0]
    common: dict[str, Any] = {"agent_id": spec.agent_id, "role": spec.role, "model": spec.model}
    return Proposed(
        deliberation_id=requested.deliberation_id,
        task_id=requested.task_id,
        num_agents=requested.num_agents,
        time=closed.time,
        proposal=Proposal(proposal_id=proposal_id(spec.agent_id, 0), round=0, content="too late", **common),
        **common,
    )


def has_open(number: int, seen: Counts) -> bool:
    return seen.open == number


async def ended(events: EventLog, deliberation_id: str) -> list[Event]:
    async with events.follow(deliberation_id) as stream:
        return [event async for event in stream]


@pytest.mark.parametrize("options", [(), ("--no-ray",)], ids=["ray", "no-ray"])
async def test_cancelling_closes_every_connection_and_late_answers_are_recorded_but_not_ranked(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    task = tmp_path / "task.yaml"
    task.write_text(TASK)
    async with (
        running_nats_server(tmp_path / "nats") as server,
        SimulatedModelServer(traits=Traits(first_token_s=600.0)) as models,
        open_nats_record(NatsOptions(url=server.url)) as record,
    ):
        settings = {"FLEET_MODELS__SIM__URL": models.url, "FLEET_MODELS__SIM__MODEL": "simulated"}
        env = environment(tmp_path, FLEET_NATS__URL=server.url, **settings)
        async with started("worker", *options, env=env):
            for name in NAMES:
                await swe_fleet("submit", str(task), "--id", name, env=env)
            await models.until(partial(has_open, len(NAMES) * AGENTS))
            for left, name in enumerate(reversed(NAMES)):
                open_now = (len(NAMES) - left) * AGENTS
                assert models.counts.open == open_now
                assert (await swe_fleet("cancel", name, env=env)).exit_code == 0
                told = await ended(record.events, name)
                await models.until(partial(has_open, open_now - AGENTS))
                assert [event.type for event in told][-2:] == ["cancel_requested", "closed"]
                await record.events.publish(late_answer(told))
                shown = await swe_fleet("show", name, "--json", env=env)
                result = json.loads(shown.stdout)
                assert (result["outcome"], result["ranking"]) == ("cancelled", [])
                kept = await record.events.history(name)
                assert [event.type for event in kept if event.type in ("closed", "proposed")] == [
                    "closed",
                    "proposed",
                ]
        assert models.counts.aborted == len(NAMES) * AGENTS
