"""What a worker tells Prometheus of processes that are not its own."""

import socket
from pathlib import Path

import aiohttp
import pytest
from command_line import ROOT, environment, started, swe_fleet
from nats_server import running_nats_server
from prometheus_client.parser import text_string_to_metric_families

from swe_ai_fleet.models.simulated import Fault, FaultPlan, SimulatedModelServer

pytestmark = [pytest.mark.local, pytest.mark.nats, pytest.mark.ray, pytest.mark.timeout(300)]
MODEL = "sim:simulated"


@pytest.fixture
def port() -> int:
    """A free one on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def measured(port: int) -> dict[tuple[str, ...], float]:
    """Samples by name and labels."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        text = await answer.text()
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("options", [(), ("--no-ray",)], ids=["ray", "no-ray"])
async def test_calls_and_breakers_of_its_agents_are_in_a_workers_metrics(
    tmp_path: Path, port: int, options: tuple[str, ...]
) -> None:
    async with (
        running_nats_server(tmp_path / "nats") as record,
        SimulatedModelServer(faults=FaultPlan.always(Fault.SERVER_ERROR)) as models,
    ):
        env = environment(
            tmp_path,
            FLEET_NATS__URL=record.url,
            FLEET_MODELS__SIM__URL=models.url,
            FLEET_MODELS__SIM__MODEL="simulated",
            FLEET_RETRY__BASE_S="0.01",
            FLEET_RETRY__PATIENCE_S="0.1",
            FLEET_WORKER__HEALTH_PORT=str(port),
            FLEET_WORKER__HEALTH_HOST="127.0.0.1",
        )
        task = str(ROOT / "examples" / "text_only" / "task.yaml")
        async with started("worker", *options, env=env):
            ended = await swe_fleet("submit", task, "--wait", env=env)
            assert ended.exit_code == 3, ended.stderr
            found = await measured(port)
    assert found["fleet_model_calls_total", MODEL, "server_error"] == models.counts.requests
    assert (
        found["fleet_model_breakers", MODEL, "open"] + found["fleet_model_breakers", MODEL, "half_open"] == 1
    )
    assert found["fleet_agents_total", "crashed"] == 4
    assert found["fleet_deliberations_total", "undecided"] == 1
    assert found["fleet_agent_calls_waiting",] == 0
    assert found["fleet_queue_pending",] == 0
