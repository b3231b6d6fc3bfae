"""Tasks on the queue, workers that come and go, and what people do about them; every command is a process."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Ended, environment, started, swe_fleet

from swe_ai_fleet.local.nats_server import open_nats_server
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits

pytestmark = [pytest.mark.local, pytest.mark.nats, pytest.mark.timeout(240)]
TASK = "description: Say how an order is charged once.\ncouncil: {agents: 3}\nbudget: {seconds: 100}\n"
QUICK, SLOW = Traits(first_token_s=0.0), Traits(first_token_s=90.0)


@pytest.fixture
async def models() -> AsyncIterator[SimulatedModelServer]:
    async with SimulatedModelServer(traits=QUICK) as server:
        yield server


class Shell:
    """One user's commands, all with the same settings."""

    def __init__(self, home: Path, models: SimulatedModelServer) -> None:
        self.env = environment(home, FLEET_MODELS__SIM__URL=models.url, FLEET_MODELS__SIM__MODEL="simulated")
        self.folder = home
        self.task = home / "task.yaml"
        self.task.write_text(TASK)

    async def run(self, *args: str) -> Ended:
        return await swe_fleet(*args, env=self.env, cwd=self.folder)

    async def json(self, *args: str) -> Any:
        ended = await self.run(*args, "--json")
        assert ended.stdout, ended.stderr
        return json.loads(ended.stdout)

    async def events(self, deliberation_id: str) -> list[str]:
        ended = await self.run("show", deliberation_id, "--events")
        return [json.loads(line)["type"] for line in ended.stdout.splitlines()]


@pytest.fixture
async def shell(tmp_path: Path, models: SimulatedModelServer) -> AsyncIterator[Shell]:
    """The embedded record outlives the commands, for this test uses it too."""
    async with open_nats_server(tmp_path / "data" / "swe-ai-fleet" / "nats"):
        yield Shell(tmp_path, models)


async def read_until(process: asyncio.subprocess.Process, pattern: str) -> str:
    """What it says on stderr until a line matches."""
    assert process.stderr is not None
    said = b""
    async for line in process.stderr:
        said += line
        if re.search(pattern, line.decode()):
            return said.decode()
    raise AssertionError(f"it never said {pattern}: {said.decode()}")


async def stop(process: asyncio.subprocess.Process) -> int:
    process.send_signal(signal.SIGTERM)
    await process.communicate()
    assert process.returncode is not None
    return process.returncode


async def test_a_submitted_task_is_decided_by_a_worker(shell: Shell) -> None:
    assert (await shell.run("submit", "task.yaml", "--id", "first")).stdout == "first\n"
    assert await shell.json("submit", "task.yaml", "--id", "first") == {
        "deliberation_id": "first",
        "duplicate": True,
    }
    again = await shell.run("submit", "task.yaml", "--id", "first")
    assert (again.exit_code, again.stdout) == (0, "first\n")
    assert "first was on the queue already" in again.stderr
    async with started("worker", "--no-ray", env=shell.env, cwd=shell.folder) as worker:
        await read_until(worker, "first closed: decided")
        waited = await shell.json("submit", "task.yaml", "--id", "second", "--wait", "--quiet")
        assert await stop(worker) == 0
    assert waited["outcome"] == "decided"
    assert (await shell.json("show", "second"))["ranking"] == waited["ranking"]
    assert [each["deliberation_id"] for each in await shell.json("list")] == ["second", "first"]
    watched = await shell.run("watch", "first")
    assert watched.exit_code == 0
    assert "first closed: decided" in watched.stderr
    assert (await shell.run("cancel", "first")).stdout == "first had ended already: decided\n"


async def test_whoever_follows_a_task_that_no_worker_has_begun_is_told(shell: Shell) -> None:
    command = ("submit", "task.yaml", "--id", "early", "--wait")
    async with started(*command, env=shell.env, cwd=shell.folder) as waiting:
        await read_until(waiting, "early is on the queue, and no worker has begun it; `swe-fleet worker`")
    shown = await shell.run("show", "early")
    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "early is on the queue, and no worker has begun it" in shown.stderr
    assert "there is no deliberation nothing" in (await shell.run("watch", "nothing")).stderr
    async with started("watch", "early", env=shell.env, cwd=shell.folder) as watching:
        await read_until(watching, "no worker has begun it")
        async with started("worker", "--no-ray", env=shell.env, cwd=shell.folder) as worker:
            said = await read_until(watching, "early closed: decided")
            assert await stop(worker) == 0
        assert "no worker" not in said
        assert await watching.wait() == 0


async def test_a_worker_that_is_stopped_hands_its_work_to_the_next(
    shell: Shell, models: SimulatedModelServer
) -> None:
    models.traits = SLOW
    await shell.run("submit", "task.yaml", "--id", "handed")
    async with started("worker", "--no-ray", env=shell.env, cwd=shell.folder) as worker:
        await read_until(worker, "handed started")
        assert await stop(worker) == 0
    assert "closed" not in await shell.events("handed")
    models.traits = QUICK
    async with started("worker", "--no-ray", env=shell.env, cwd=shell.folder) as worker:
        await read_until(worker, "handed closed: decided")
        assert await stop(worker) == 0
    assert (await shell.events("handed")).count("closed") == 1


async def test_a_deliberation_of_a_worker_is_cancelled_from_elsewhere(
    shell: Shell, models: SimulatedModelServer
) -> None:
    models.traits = SLOW
    await shell.run("submit", "task.yaml", "--id", "unwanted")
    async with started("worker", "--no-ray", env=shell.env, cwd=shell.folder) as worker:
        await read_until(worker, "unwanted started")
        asked = await shell.json("cancel", "unwanted", "--reason", "changed our mind")
        assert asked == {"deliberation_id": "unwanted", "cancel_requested": True, "outcome": None}
        await read_until(worker, "unwanted closed: cancelled")
        assert await stop(worker) == 0
    result = await shell.json("show", "unwanted")
    assert (result["outcome"], result["reason"]) == ("cancelled", "changed our mind")
    assert (await shell.run("watch", "unwanted")).exit_code == 3


async def test_a_command_that_cannot_be_served_becomes_a_dead_letter_and_can_be_put_back(
    shell: Shell,
) -> None:
    gone = shell.folder / "gone"
    gone.mkdir()
    for words in ("init -q", "-c user.name=u -c user.email=u@example.org commit -q --allow-empty -m none"):
        process = await asyncio.create_subprocess_exec("git", *words.split(), cwd=gone)
        assert await process.wait() == 0
    await shell.run("submit", "task.yaml", "--repo", "gone", "--id", "lost")
    gone.rename(shell.folder / "elsewhere")
    async with started("worker", "--no-ray", env=shell.env, cwd=shell.folder) as worker:
        await read_until(worker, "working")
        letters: list[dict[str, Any]] = []
        while not letters:
            letters = await shell.json("dead-letters", "list")
        assert await stop(worker) == 0
    assert letters[0]["deliberation_id"] == "lost"
    assert "there is no such folder" in letters[0]["reason"]
    letter_id = letters[0]["letter_id"]
    assert json.loads((await shell.json("dead-letters", "show", letter_id))["payload"])
    assert "there is no such folder" in (await shell.run("dead-letters", "show", letter_id)).stdout
    assert (await shell.run("dead-letters", "retry", letter_id)).exit_code == 0
    assert "(put back)" in (await shell.run("dead-letters", "list")).stdout


async def test_whoever_waits_for_a_task_that_the_workers_refuse_is_told_why(shell: Shell) -> None:
    poor = ("submit", "task.yaml", "--id", "poor", "--budget-tokens", "10", "--wait", "--json")
    async with started("worker", "--no-ray", env=shell.env, cwd=shell.folder) as worker:
        await read_until(worker, "working")
        refused = await shell.run(*poor)
        assert await stop(worker) == 0
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "the workers refused poor: budget.tokens: 10 cannot hold the quorum" in refused.stderr
    letter_id = (await shell.json("dead-letters", "list"))[0]["letter_id"]
    assert f"`swe-fleet dead-letters retry {letter_id}`" in refused.stderr
    assert (await shell.run(*poor)).exit_code == 2


async def test_a_terminal_that_is_closed_ends_a_deliberation_in_order(
    shell: Shell, models: SimulatedModelServer
) -> None:
    models.traits = SLOW
    command = ("deliberate", "task.yaml", "--no-ray", "--id", "hung-up")
    async with started(*command, env=shell.env, cwd=shell.folder) as process:
        await read_until(process, "hung-up started")
        for _ in ("the shell", "the kernel"):
            process.send_signal(signal.SIGHUP)
            await asyncio.sleep(0.01)
        await process.communicate()
        assert process.returncode == 130
    assert (await shell.events("hung-up"))[-2:] == ["cancel_requested", "closed"]


async def test_what_a_killed_process_left_open_is_resumed(shell: Shell, models: SimulatedModelServer) -> None:
    models.traits = SLOW
    command = ("deliberate", "task.yaml", "--no-ray", "--id", "killed")
    async with started(*command, env=shell.env, cwd=shell.folder) as process:
        await read_until(process, "killed started")
        process.kill()
        await process.communicate()
    assert (await shell.json("show", "killed"))["reason"].startswith("still open")
    models.traits = QUICK
    ended = await shell.run("resume", "killed", "--no-ray", "--json")
    assert ended.exit_code == 0, ended.stderr
    assert json.loads(ended.stdout)["outcome"] == "decided"
    assert (await shell.events("killed")).count("closed") == 1
    assert (await shell.run("resume", "nothing", "--no-ray")).exit_code == 2
