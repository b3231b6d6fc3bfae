"""Several nodes with real raylets: agents are spread and placed, a node dies, runs are submitted as jobs."""

import asyncio
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from assignments import assignment, proposal, spec, text_brief
from behaving_agents import build_behaving, nats_opener
from behaving_checks import build_checks
from pydantic import SecretStr
from ray_nodes import RayNodes, ray_nodes

from swe_ai_fleet.domain.outcome import Answered
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.errors import InputError, UnreachableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_checks import RayCheckRunner
from swe_ai_fleet.execution.ray_pool import RayAgentPool
from swe_ai_fleet.execution.ray_submission import JobPlace, JobState, RayJob, RayJobs, submission_id_of
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock

pytestmark = [
    pytest.mark.ray,
    pytest.mark.nats,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest.fixture(scope="module")
def nodes() -> Iterator[RayNodes]:
    with ray_nodes() as opened:
        opened.add("a", pool="agents", zone="a")
        opened.add("b", pool="agents", zone="b")
        yield opened


def open_pool(nats: Any, **options: Any) -> Any:
    return RayAgentPool.open(
        RayOptions(**{"actors_per_node": 1, "label_selector": {"pool": "agents"}, **options}),
        build_agent=build_behaving,
        open_record=nats_opener(nats.url),
        events=nats.events,
        clock=SystemClock(),
    )


def told(description: str, **fields: Any) -> Any:
    own = {"deliberation_id": f"d-{secrets.token_hex(4)}", "brief": text_brief(description)}
    return assignment(**{"seconds": 120, **own, **fields})


async def nodes_of(pool: RayAgentPool) -> list[str]:
    return [await place.handle.ready.remote() for place in pool._roster.places]


async def test_actors_are_dealt_over_the_nodes_that_may_host_them(nodes: RayNodes, nats: Any) -> None:
    async with open_pool(nats) as pool:
        assert len(set(await nodes_of(pool))) == 2
    async with open_pool(nats, actors=2, label_selector={"zone": "b"}) as pool:
        assert len(set(await nodes_of(pool))) == 1


async def test_checks_run_on_several_nodes(nodes: RayNodes) -> None:
    runner = RayCheckRunner(RayOptions(check_label_selector={"pool": "agents"}), build_checks)
    repo = RepoRef(url="/srv/inventory", commit="c" * 40)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(runner.check(Task(description="node 1"), repo, proposal(f"a{n}")))
            for n in range(4)
        ]
    assert len({task.result().reason for task in tasks}) == 2


async def test_the_death_of_a_node_costs_no_answer(nodes: RayNodes, nats: Any, tmp_path: Path) -> None:
    nodes.add("doomed", pool="doomed")
    nodes.add("safe", pool="safe")
    async with open_pool(nats, label_selector={"pool": "in(doomed,safe)"}) as pool:
        assert len(set(await nodes_of(pool))) == 2
        agents = [spec(f"dev-{number}", model="offline:spread") for number in range(8)]
        asking = [asyncio.ensure_future(pool.ask(told("sleep 3", agent=agent))) for agent in agents]
        await asyncio.sleep(1)
        await asyncio.to_thread(nodes.kill, "doomed")
        outcomes = [await call for call in asking]
        assert all(isinstance(outcome, Answered) for outcome in outcomes)
        attempts = [outcome.proposal.content.split()[-1] for outcome in outcomes]
        assert attempts.count("1") == 4
        assert isinstance(await pool.ask(told("answer")), Answered)
    await asyncio.to_thread(nodes.kill, "safe")


def options(nodes: RayNodes, **changes: Any) -> RayOptions:
    return RayOptions(**{"dashboard": nodes.dashboard, "token": SecretStr(nodes.token), **changes})


async def test_a_run_is_submitted_once_and_its_exit_code_is_told(nodes: RayNodes, tmp_path: Path) -> None:
    code = f"open({str(tmp_path / 'runs')!r}, 'a').write('x'); import os; print(os.environ['WHO']); raise SystemExit(3)"
    argv = [sys.executable, "-c", code]

    async def run(jobs: RayJobs, submission_id: str) -> tuple[RayJob, str]:
        place = JobPlace(num_cpus=0.1, label_selector={"zone": "a"})
        first = await jobs.submit(argv, submission_id=submission_id, env={"WHO": "the fleet"}, place=place)
        again = await jobs.submit(argv, submission_id=submission_id, env={"WHO": "the fleet"}, place=place)
        assert first.submission_id == again.submission_id == submission_id
        printed = "".join([piece async for piece in jobs.follow_logs(submission_id, poll_s=0.2)])
        return await jobs.wait(submission_id, poll_s=0.2), printed

    async with RayJobs.open(options(nodes)) as jobs:
        ids = [submission_id_of(f"batch {tmp_path} {number}") for number in range(3)]
        runs = 1
        ended, printed = await run(jobs, ids[0])
        while _lost_by_ray(ended) and runs < len(ids):
            ended, printed = await run(jobs, ids[runs])
            runs += 1
        assert (ended.state, ended.exit_code) == (JobState.FAILED, 3), ended.message
        assert "the fleet" in printed
        assert (tmp_path / "runs").read_text() == "x" * runs
        with pytest.raises(InputError, match="another command"):
            await jobs.submit(["true"], submission_id=ids[0])


def _lost_by_ray(ended: RayJob) -> bool:
    """Ray itself loses the exit code of a run that ends while it looks at it."""
    return "failed to get job supervisor" in ended.message


async def test_a_run_can_be_stopped(nodes: RayNodes) -> None:
    submission_id = submission_id_of(f"stopped {time.time()}")
    async with RayJobs.open(options(nodes)) as jobs:
        await jobs.submit(["sleep", "600"], submission_id=submission_id)
        async with asyncio.timeout(60):
            while (await jobs.look(submission_id)).state is JobState.PENDING:  # noqa: ASYNC110 - Ray is only asked
                await asyncio.sleep(0.1)
            assert await jobs.stop(submission_id)
            assert (await jobs.wait(submission_id, poll_s=0.2)).state is JobState.STOPPED
        assert not await jobs.stop(submission_id)


async def test_what_is_wrong_with_the_dashboard_is_named(nodes: RayNodes) -> None:
    with pytest.raises(InputError, match=r"ray\.dashboard"):
        async with RayJobs.open(RayOptions()):
            pass
    for wrong in ({"dashboard": "http://127.0.0.1:9"}, {"token": SecretStr("0" * 64)}):
        with pytest.raises(UnreachableError, match="Ray does not answer"):
            async with RayJobs.open(options(nodes, **wrong)):
                pass


async def test_an_unknown_run_is_said_to_be_unknown(nodes: RayNodes) -> None:
    async with RayJobs.open(options(nodes)) as jobs:
        with pytest.raises(UnreachableError, match="does not exist"):
            await jobs.look("fleet-unknown")
