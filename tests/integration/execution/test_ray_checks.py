"""Checks as tasks of a real Ray."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from assignments import proposal
from behaving_checks import build_checks, build_where_interrupts_are_ignored

from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.errors import InputError, PlacementError, SandboxError, SandboxUnavailableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_checks import BuildCheckRunner, RayCheckRunner

pytestmark = [pytest.mark.ray, pytest.mark.asyncio(loop_scope="module")]

REPO = RepoRef(url="/srv/inventory", commit="c" * 40)


@pytest.fixture
def runner(cluster: str) -> RayCheckRunner:
    return RayCheckRunner(RayOptions(), build_checks)


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def told(description: str) -> Task:
    return Task(description=description)


async def test_a_check_runs_in_a_worker(runner: RayCheckRunner) -> None:
    report = await runner.check(told("pass"), REPO, proposal("ada"))
    assert report.proposal_id == "ada.0"
    assert report.reason != f"checked by {os.getpid()}"
    assert (await runner.check_base(told("pass"), REPO)).proposal_id == "base"


async def test_checks_run_side_by_side(runner: RayCheckRunner) -> None:
    await runner.check_base(told("sleep 0"), REPO)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(runner.check(told("sleep 1"), REPO, proposal(f"a{n}"))) for n in range(4)]
    assert len({task.result().reason for task in tasks}) > 1


async def test_a_worker_that_dies_is_replaced_once(runner: RayCheckRunner, marks: Path) -> None:
    assert (await runner.check(told(f"die-once {marks}"), REPO, proposal("ada"))).applied
    with pytest.raises(SandboxError, match="died, twice"):
        await runner.check(told("die"), REPO, proposal("ada"))


async def test_the_fleets_own_errors_pass_through(runner: RayCheckRunner) -> None:
    with pytest.raises(SandboxUnavailableError, match="nothing strong enough"):
        await runner.check(told("unavailable"), REPO, proposal("ada"))


@pytest.mark.parametrize("build", [build_checks, build_where_interrupts_are_ignored])
async def test_cancelling_kills_what_runs(cluster: str, build: BuildCheckRunner, marks: Path) -> None:
    runner = RayCheckRunner(RayOptions(), build)
    checking = asyncio.ensure_future(runner.check(told(f"hang {marks}"), REPO, proposal("ada")))
    pid = int((await until(marks, "pid-*")).name.removeprefix("pid-"))
    checking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await checking
    await until(marks, "killed")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (await runner.check(told("pass"), REPO, proposal("ada"))).applied


@pytest.mark.parametrize("options", [{"check_cpus": 999.0}, {"check_label_selector": {"pool": "gpu"}}])
async def test_a_check_that_no_node_can_host_is_refused_at_once(
    cluster: str, options: dict[str, Any]
) -> None:
    runner = RayCheckRunner(RayOptions(**options), build_checks)
    with pytest.raises(PlacementError):
        await runner.check_base(told("pass"), REPO)


async def test_a_wrong_condition_on_labels_is_named(cluster: str) -> None:
    with pytest.raises(InputError, match="check_label_selector"):
        RayCheckRunner(RayOptions(check_label_selector={"pool": ""}), build_checks)


async def until(folder: Path, pattern: str) -> Path:
    async with asyncio.timeout(30):
        while not (found := list(folder.glob(pattern))):  # noqa: ASYNC110, ASYNC240 - another process leaves it
            await asyncio.sleep(0.01)
    return found[0]
