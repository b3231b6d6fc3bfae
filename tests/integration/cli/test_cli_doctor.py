"""The doctor before a half-broken cluster: every part that is broken is named, with the command that mends it."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from command_line import environment, swe_fleet
from nats_accounts import K8S, Accounts, nats_with_accounts, program
from nats_server import running_nats_server
from ray_nodes import RayNodes, ray_nodes

from swe_ai_fleet.models.simulated.server import SimulatedModelServer

pytestmark = [
    pytest.mark.ray,
    pytest.mark.nats,
    pytest.mark.local,
    pytest.mark.slow,
    pytest.mark.timeout(240),
]
DEAD = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    with ray_nodes() as opened:
        yield opened


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    with nats_with_accounts(tmp_path) as running:
        asyncio.run(running.declare())
        yield running


@contextmanager
def telling(nodes: RayNodes, **facts: str) -> Iterator[None]:
    """The head says something else of itself, as one of another version would."""
    raylet: Any = import_module("ray._raylet")
    key = import_module("ray._common.usage.usage_constants").CLUSTER_METADATA_KEY
    head = raylet.GcsClient(address=nodes.address)
    told = head.internal_kv_get(key, namespace=b"cluster")
    head.internal_kv_put(key, json.dumps({**json.loads(told), **facts}).encode(), True, b"cluster")
    try:
        yield
    finally:
        head.internal_kv_put(key, told, True, b"cluster")


async def findings(env: dict[str, str], tmp_path: Path) -> tuple[int, dict[str, dict[str, str]]]:
    ended = await swe_fleet("doctor", "--json", env=env, cwd=tmp_path)
    found = {finding.pop("name"): finding for finding in json.loads(ended.stdout)["findings"]}
    return ended.exit_code, found


async def test_five_parts_that_are_broken_at_once(nodes: RayNodes, tmp_path: Path) -> None:
    async with running_nats_server(tmp_path, has_jetstream=False) as plain, SimulatedModelServer() as models:
        broken = {
            "FLEET_NATS__URL": plain.url,
            "FLEET_RAY__ADDRESS": nodes.address,
            "FLEET_RAY__DASHBOARD": nodes.dashboard,
            "FLEET_RAY__TOKEN": "0" * 64,
            "FLEET_MODELS__HALF__URL": f"{models.url},{DEAD}",
            "FLEET_MODELS__HALF__MODEL": "simulated",
            "FLEET_MODELS__GONE__URL": DEAD,
            "FLEET_MODELS__GONE__MODEL": "big",
            "FLEET_MODELS__OTHER__URL": models.url,
            "FLEET_MODELS__OTHER__MODEL": "unknown",
            "FLEET_SANDBOX__KIND": "seatbelt",
        }
        code, found = await findings(environment(tmp_path, **broken), tmp_path)
    assert code == 4
    assert {name for name, f in found.items() if f["status"] == "failed"} == {
        "NATS",
        "Ray",
        "Ray jobs",
        "model gone",
        "model other",
        "sandbox",
    }
    assert "JetStream does not answer" in found["NATS"]["detail"]
    assert found["NATS"]["fix"].startswith("Start it with JetStream: nats-server -js")
    assert "with this token" in found["Ray"]["detail"]
    assert found["Ray"]["fix"].startswith("export FLEET_RAY__TOKEN=")
    assert "FLEET_RAY__TOKEN" in found["Ray jobs"]["fix"]
    assert found["model gone"]["fix"].startswith("Start it: vllm serve big --port 9")
    assert "It offers: simulated" in found["model other"]["detail"]
    assert found["model other"]["fix"] == "export FLEET_MODELS__OTHER__MODEL=..."
    assert found["model half"]["status"] == "warning"
    assert "1 of 2 servers" in found["model half"]["detail"]
    assert DEAD in found["model half"]["detail"]
    assert found["model half"]["fix"].startswith("Start it: vllm serve simulated --port 9")
    assert "bubblewrap" in found["sandbox"]["fix"]


async def test_unknown_credentials_and_a_cluster_of_another_version(
    nodes: RayNodes, accounts: Accounts, tmp_path: Path
) -> None:
    (tmp_path / "seed").write_text(program(K8S / "make_secrets.py").new_seed())
    broken = {
        "FLEET_NATS__URL": accounts.server.url,
        "FLEET_NATS__NKEY_SEED_FILE": str(tmp_path / "seed"),
        "FLEET_RAY__ADDRESS": nodes.address,
        "FLEET_RAY__DASHBOARD": nodes.dashboard,
        "FLEET_RAY__TOKEN": nodes.token,
    }
    with telling(nodes, ray_version="2.59.0"):
        code, found = await findings(environment(tmp_path, **broken), tmp_path)
    assert code == 4
    assert {name for name, f in found.items() if f["status"] == "failed"} - {"sandbox"} == {"NATS", "Ray"}
    assert "does not know these credentials" in found["NATS"]["detail"]
    assert found["NATS"]["fix"].startswith("export FLEET_NATS__NKEY_SEED_FILE=")
    assert "runs ray 2.59.0" in found["Ray"]["detail"]
    assert found["Ray"]["fix"].startswith("pip install ray==2.59.0")


async def test_streams_that_are_not_as_declared_and_a_component_that_may_not_look(
    accounts: Accounts, tmp_path: Path
) -> None:
    async with accounts.client("streams") as streams:
        config = (await streams.client.jetstream().stream_info("FLEET_EVENTS")).config
        await streams.client.jetstream().update_stream(config, max_age=3600)
    (tmp_path / "seed").write_text(accounts.seeds["worker"])
    drifted = {
        "FLEET_NATS__URL": accounts.server.url,
        "FLEET_NATS__NKEY_SEED_FILE": str(tmp_path / "seed"),
        "FLEET_NATS__INBOX_PREFIX": "_INBOX_worker",
    }
    _, found = await findings(environment(tmp_path, **drifted), tmp_path)
    assert (
        "stream FLEET_EVENTS is not as this version declares it: max_age is 3600" in found["NATS"]["detail"]
    )
    assert "declare-streams" in found["NATS"]["fix"]
    (tmp_path / "seed").write_text(accounts.seeds["agent"])
    agent = {**drifted, "FLEET_NATS__INBOX_PREFIX": "_INBOX_agent"}
    await accounts.declare()
    _, found = await findings(environment(tmp_path, **agent), tmp_path)
    assert "may not publish" in found["NATS"]["detail"]
    assert found["NATS"]["fix"].startswith("export FLEET_NATS__NKEY_SEED_FILE=")


async def test_what_is_well_is_said_to_be(nodes: RayNodes, accounts: Accounts, tmp_path: Path) -> None:
    (tmp_path / "seed").write_text(accounts.seeds["worker"])
    well = {
        "FLEET_NATS__URL": accounts.server.url,
        "FLEET_NATS__NKEY_SEED_FILE": str(tmp_path / "seed"),
        "FLEET_NATS__INBOX_PREFIX": "_INBOX_worker",
        "FLEET_RAY__ADDRESS": nodes.address,
        "FLEET_RAY__DASHBOARD": nodes.dashboard,
        "FLEET_RAY__TOKEN": nodes.token,
    }
    _, found = await findings(environment(tmp_path, **well), tmp_path)
    assert {name: found[name]["status"] for name in ("NATS", "Ray", "Ray jobs")} == {
        "NATS": "ok",
        "Ray": "ok",
        "Ray jobs": "ok",
    }
