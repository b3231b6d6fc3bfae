"""SIGTERM in the middle of deliberations: a worker leaves in order, and what it had in hand is there for the next."""

from pathlib import Path

import pytest
from command_line import ROOT, environment, started, swe_fleet
from living_processes import session_members
from nats_server import running_nats_server

from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import ACK_WAIT_S
from swe_ai_fleet.models.simulated import SimulatedModelServer, Traits

pytestmark = [pytest.mark.local, pytest.mark.nats, pytest.mark.ray, pytest.mark.timeout(300)]
NAMES = ("first", "second")
AGENTS = 4


@pytest.mark.parametrize("options", [(), ("--no-ray",)], ids=["ray", "no-ray"])
async def test_a_worker_that_is_told_to_stop_leaves_nothing_running_and_hands_its_work_back(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    task = str(ROOT / "examples" / "text_only" / "task.yaml")
    async with (
        running_nats_server(tmp_path / "nats") as server,
        SimulatedModelServer(traits=Traits(first_token_s=600.0)) as models,
        open_nats_record(NatsOptions(url=server.url)) as record,
    ):
        settings = {"FLEET_MODELS__SIM__URL": models.url, "FLEET_MODELS__SIM__MODEL": "simulated"}
        env = environment(tmp_path, FLEET_NATS__URL=server.url, **settings)
        for name in NAMES:
            await swe_fleet("submit", task, "--id", name, env=env)
        async with started("worker", *options, env=env) as worker:
            assert worker.pid is not None
            await models.until(lambda seen: seen.open == len(NAMES) * AGENTS)
            worker.terminate()
            _, said = await worker.communicate()
            assert worker.returncode == 0, said.decode()
            assert session_members(worker.pid) == []
        await models.until(lambda seen: seen.open == 0)
        for _ in NAMES:
            delivery = await record.commands.next(wait_s=ACK_WAIT_S / 2)
            assert delivery is not None
            assert delivery.delivered == 2
            types = [event.type for event in await record.events.history(delivery.command.deliberation_id)]
            assert types == ["requested", "started"]
            await delivery.ack()
