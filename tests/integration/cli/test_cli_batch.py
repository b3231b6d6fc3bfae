"""Many tasks in one run: every one in the files once, in a form that other programs read."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command_line import environment, started, swe_fleet

from swe_ai_fleet.cli.schemas import schema_of
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits

pytestmark = [pytest.mark.local, pytest.mark.nats, pytest.mark.timeout(240)]
TASKS = 5


@pytest.fixture
async def models() -> AsyncIterator[SimulatedModelServer]:
    async with SimulatedModelServer() as server:
        yield server


@pytest.fixture
def env(tmp_path: Path, models: SimulatedModelServer) -> dict[str, str]:
    tasks = [{"id": f"t{n}", "description": f"question {n}", "council": {"agents": 2}} for n in range(TASKS)]
    tasks.append({"id": "gone", "description": "fix it", "repo": "./gone"})
    (tmp_path / "tasks.jsonl").write_text("".join(json.dumps(task) + "\n" for task in tasks))
    return environment(tmp_path, FLEET_MODELS__SIM__URL=models.url, FLEET_MODELS__SIM__MODEL="simulated")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_every_task_is_in_the_files_once_and_the_same_batch_again_asks_nobody(
    env: dict[str, str], tmp_path: Path, models: SimulatedModelServer
) -> None:
    command = ("batch", "tasks.jsonl", "--no-ray", "--id", "night", "--out", "out", "--json")
    ended = await swe_fleet(*command, env=env, cwd=tmp_path)
    assert ended.exit_code == 3, ended.stderr
    summary = json.loads(ended.stdout)
    assert summary["outcomes"] == {"decided": TASKS, "refused": 1}
    results = {line["task_id"]: line for line in lines(tmp_path / "out" / "results.jsonl")}
    assert len(results) == TASKS + 1
    assert "tasks.jsonl:6: repo: there is no such folder" in results.pop("gone")["reason"]
    for result in results.values():
        jsonschema.Draft202012Validator(schema_of("result")).validate(result)
    predictions = lines(tmp_path / "out" / "predictions.jsonl")
    assert {line["instance_id"] for line in predictions} == {*results, "gone"}
    assert {line["model_patch"] for line in predictions} == {""}
    asked = models.counts.requests
    again = await swe_fleet(*command, env=env, cwd=tmp_path)
    assert json.loads(again.stdout) == summary
    assert models.counts.requests == asked
    assert {
        line["task_id"]: line for line in lines(tmp_path / "out" / "results.jsonl") if "seed" in line
    } == results


async def test_a_batch_that_cannot_run_keeps_the_last_results(env: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "results.jsonl"
    kept.write_text("the last run's\n")
    for missing in ("FLEET_NATS__URL=nats://127.0.0.1:1", "FLEET_MODELS__SIM__URL=http://127.0.0.1:1/v1"):
        name, _, address = missing.partition("=")
        ended = await swe_fleet("batch", "tasks.jsonl", "--no-ray", env={**env, name: address}, cwd=tmp_path)
        assert ended.exit_code == 4, ended.stderr
    assert kept.read_text() == "the last run's\n"


async def test_an_interrupted_batch_cancels_what_runs_and_begins_no_more(
    env: dict[str, str], tmp_path: Path, models: SimulatedModelServer
) -> None:
    models.traits = Traits(first_token_s=90.0)
    command = ("batch", "tasks.jsonl", "--no-ray", "--id", "night", "--out", "out", "--concurrency", "2")
    async with started(*command, env=env, cwd=tmp_path) as process:
        assert process.stderr is not None
        seen = 0
        async for line in process.stderr:
            seen += b" started" in line
            if seen == 2:
                break
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(30):
            await process.communicate()
        assert process.returncode == 130
    results = lines(tmp_path / "out" / "results.jsonl")
    assert [line["outcome"] for line in results] == ["cancelled", "cancelled"]
