"""Many tasks as one job of a Ray cluster of three nodes, a node killed in the middle; other jobs beside it."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from command_line import environment, started, swe_fleet
from nats_server import NatsServer, running_nats_server
from ray_nodes import RayNodes, ray_nodes

from swe_ai_fleet.cli.example import fresh_example
from swe_ai_fleet.cli.task_file import read_task
from swe_ai_fleet.execution.ray_submission import submission_id_of
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits

pytestmark = [
    pytest.mark.ray,
    pytest.mark.nats,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
]
TASKS = 24
AGENTS = 4


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    """A head without agents, and two nodes for them: "b" is the one that dies."""
    with ray_nodes() as opened:
        opened.add("a")
        opened.add("b")
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[NatsServer]:
    async with running_nats_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def models() -> AsyncIterator[SimulatedModelServer]:
    async with SimulatedModelServer(traits=Traits(first_token_s=1.0)) as server:
        yield server


@pytest.fixture
def env(nodes: RayNodes, tmp_path: Path) -> dict[str, str]:
    """Whoever submits knows the dashboard and the token, and nothing else of the cluster."""
    return environment(tmp_path, FLEET_RAY__DASHBOARD=nodes.dashboard, FLEET_RAY__TOKEN=nodes.token)


@pytest.fixture
def variables(nats: NatsServer, models: SimulatedModelServer, tmp_path: Path) -> list[str]:
    """What the nodes of a cluster would know by themselves."""
    settings = {
        "FLEET_NATS__URL": nats.url,
        "FLEET_MODELS__SIM__URL": models.url,
        "FLEET_MODELS__SIM__MODEL": "simulated",
        "FLEET_RAY__ACTORS_PER_NODE": "1",
        "FLEET_DATA_DIR": str(tmp_path / "data"),
        "FLEET_LOG__LEVEL": "info",
    }
    return [part for name, value in settings.items() for part in ("--ray-env", f"{name}={value}")]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_a_batch_loses_nothing_with_a_node(
    nodes: RayNodes,
    nats: NatsServer,
    models: SimulatedModelServer,
    env: dict[str, str],
    variables: list[str],
    tmp_path: Path,
) -> None:
    tasks = [
        {"id": f"t{n}", "description": f"question {n}", "council": {"agents": AGENTS}} for n in range(TASKS)
    ]
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    batch = ("batch", "tasks.jsonl", "--ray-job", "--id", "night", "--out", "out", "--concurrency", "4")
    command = (*batch, "--json", *variables)
    async with started(*command, env=env, cwd=tmp_path) as process:
        await models.until(lambda counts: counts.requests >= TASKS * AGENTS // 3)
        await asyncio.to_thread(nodes.kill, "b")
        asked_before = models.counts.requests
        stdout, stderr = await process.communicate()
        assert process.returncode == 0, stderr.decode()
    assert asked_before < TASKS * AGENTS
    summary = json.loads(stdout)
    assert summary["outcomes"] == {"decided": TASKS}

    results = {line["task_id"]: line for line in lines(tmp_path / "out" / "results.jsonl")}
    assert set(results) == {task["id"] for task in tasks}
    predictions = lines(tmp_path / "out" / "predictions.jsonl")
    assert sorted(line["instance_id"] for line in predictions) == sorted(results)
    assert all(line.keys() == {"instance_id", "model_name_or_path", "model_patch"} for line in predictions)
    async with open_nats_record(NatsOptions(url=nats.url)) as record:
        for task_id, result in results.items():
            history = await record.events.history(f"night-{task_id}")
            assert [event.type for event in history].count("closed") == 1
            assert result["winner"] is not None

    log = await swe_fleet("jobs", "logs", summary["submission_id"], env=env, cwd=tmp_path)
    [calls] = re.findall(r'"calls_by_node": (\{[^}]*\})', log.stdout)
    by_node = json.loads(calls)
    assert len(by_node) == 2
    assert min(by_node.values()) >= AGENTS
    assert sum(by_node.values()) > TASKS * AGENTS, "what was at work on the dead node was asked again"

    asked = models.counts.requests
    again = await swe_fleet(*command, env=env, cwd=tmp_path)
    assert (again.exit_code, json.loads(again.stdout)) == (0, summary)
    assert models.counts.requests == asked


async def test_patches_come_back_in_the_form_of_swe_bench(
    env: dict[str, str], variables: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    example = fresh_example()
    task = read_task(str(example / "task.yaml")).task.model_copy(update={"id": "shop__shop-1"})
    (example / "tasks.jsonl").write_text(task.model_dump_json(exclude_none=True) + "\n")
    command = ("batch", str(example / "tasks.jsonl"), "--ray-job", "--id", "bench", "--out", "out")
    ended = await swe_fleet(*command, *variables, "--model", "offline:repair", env=env, cwd=tmp_path)
    assert ended.exit_code == 0, ended.stderr
    [prediction] = lines(tmp_path / "out" / "predictions.jsonl")
    assert prediction["instance_id"] == "shop__shop-1"
    assert prediction["model_name_or_path"] == "swe-ai-fleet"
    (tmp_path / "winner.patch").write_text(prediction["model_patch"])
    git = ("git", "-C", str(example / "stockroom"), "apply", "--check", str(tmp_path / "winner.patch"))
    assert await (await asyncio.create_subprocess_exec(*git)).wait() == 0


async def test_a_deliberation_as_a_job_gives_its_result_and_its_exit_code(
    env: dict[str, str], variables: list[str], tmp_path: Path
) -> None:
    (tmp_path / "task.yaml").write_text("description: which of two\ncouncil: {agents: 2}\n")
    command = ("submit", "task.yaml", "--ray-job", "--id", "single", *variables)
    begun = await swe_fleet(*command, env=env, cwd=tmp_path)
    assert begun.exit_code == 0, begun.stderr
    job_id = begun.stdout.strip()
    assert job_id == submission_id_of("deliberate single")
    ended = await swe_fleet(*command, "--wait", "--json", env=env, cwd=tmp_path)
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["deliberation_id"] == "single"
    shown = await swe_fleet("jobs", "show", job_id, "--json", env=env, cwd=tmp_path)
    assert json.loads(shown.stdout)["state"] == "SUCCEEDED"
    late = ("--id", "late", "--deadline", "0.2", "--wait", "--json")
    undecided = await swe_fleet(*command, *late, env=env, cwd=tmp_path)
    assert undecided.exit_code == 3, undecided.stderr
    assert json.loads(undecided.stdout)["outcome"] != "decided"
    other = await swe_fleet(*command, "--agents", "3", env=env, cwd=tmp_path)
    assert other.exit_code == 2
    assert "another command was submitted under it" in other.stderr


async def test_rays_own_command_runs_a_deliberation(
    nodes: RayNodes, env: dict[str, str], variables: list[str], tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "task.yaml").write_text("description: which of four\ncouncil: {agents: 2}\n")
    given = dict(variable.split("=", 1) for variable in variables[1::2])
    runtime = json.dumps({"env_vars": {**given, "FLEET_RAY__ADDRESS": "auto"}})
    process = await asyncio.create_subprocess_exec(
        *(str(Path(sys.executable).with_name("ray")), "job", "submit", "--address", nodes.dashboard),
        *("--working-dir", str(tmp_path / "work"), "--runtime-env-json", runtime, "--"),
        *("python", "-m", "swe_ai_fleet", "deliberate", "task.yaml", "--id", "by-hand"),
        env={**env, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": nodes.token},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    stdout, _ = await process.communicate()
    assert process.returncode == 0, stdout.decode()
    assert "by-hand" in stdout.decode()


async def test_a_worker_as_a_job_works_the_queue_until_it_is_stopped(
    nats: NatsServer, env: dict[str, str], variables: list[str], tmp_path: Path
) -> None:
    begun = await swe_fleet("worker", "--ray-job", *variables, env=env, cwd=tmp_path)
    assert begun.exit_code == 0, begun.stderr
    job_id = begun.stdout.strip()
    (tmp_path / "task.yaml").write_text("description: which of three\ncouncil: {agents: 2}\n")
    queue = {**env, "FLEET_NATS__URL": nats.url}
    decided = await swe_fleet("submit", "task.yaml", "--wait", "--json", env=queue, cwd=tmp_path)
    assert decided.exit_code == 0, decided.stderr
    listed = await swe_fleet("jobs", "list", "--json", env=env, cwd=tmp_path)
    assert {job["submission_id"]: job["state"] for job in json.loads(listed.stdout)}[job_id] == "RUNNING"
    stopped = await swe_fleet("jobs", "stop", job_id, env=env, cwd=tmp_path)
    assert (stopped.exit_code, "STOPPED" in stopped.stdout) == (0, True), stopped.stderr


async def test_what_cannot_be_submitted_is_said_in_seconds(env: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("description: anything\n")
    command = ("submit", "task.yaml", "--ray-job")
    locked_out = await swe_fleet(*command, env={**env, "FLEET_RAY__TOKEN": "0" * 64}, cwd=tmp_path)
    assert locked_out.exit_code == 4
    assert "FLEET_RAY__TOKEN" in locked_out.stderr
    secret = await swe_fleet(*command, "--ray-env", "FLEET_NATS__TOKEN=s3cret", env=env, cwd=tmp_path)
    assert secret.exit_code == 2
    assert "s3cret" not in secret.stderr
    nowhere = {name: value for name, value in env.items() if name != "FLEET_RAY__DASHBOARD"}
    assert (await swe_fleet(*command, env=nowhere, cwd=tmp_path)).exit_code == 2
