"""Ctrl-C in the middle of a deliberation: an orderly end on the record, and nothing left running."""

import os
import signal
from pathlib import Path

import pytest
from command_line import ROOT, environment, started
from living_processes import session_members
from nats_server import running_nats_server
from stored_events import stored

from swe_ai_fleet.models.simulated import SimulatedModelServer, Traits

pytestmark = [pytest.mark.local, pytest.mark.nats, pytest.mark.ray, pytest.mark.timeout(300)]


@pytest.mark.parametrize("options", [(), ("--no-ray",)], ids=["ray", "no-ray"])
async def test_an_interrupt_is_on_the_record_and_leaves_nothing_behind(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    task = str(ROOT / "examples" / "text_only" / "task.yaml")
    async with (
        running_nats_server(tmp_path / "nats") as server,
        SimulatedModelServer(traits=Traits(first_token_s=600.0)) as models,
    ):
        settings = {"FLEET_MODELS__SIM__URL": models.url, "FLEET_MODELS__SIM__MODEL": "simulated"}
        env = environment(tmp_path, FLEET_NATS__URL=server.url, **settings)
        async with started("deliberate", task, *options, env=env) as process:
            assert process.pid is not None
            await models.until(lambda seen: seen.open == 4)
            os.kill(process.pid, signal.SIGINT)
            await process.communicate()
            assert process.returncode == 130
            assert session_members(process.pid) == []
        await models.until(lambda seen: seen.open == 0)
        types = [event["type"].rpartition(".")[2] for event in await stored(server.url)]
    assert types.count("cancel_requested") == 1
    assert types.count("closed") == 1
    assert types[-1] == "closed"
