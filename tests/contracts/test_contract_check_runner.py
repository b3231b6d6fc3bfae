"""What every check runner promises of proposed checks, in this process and on Ray."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from local_ray import local_ray
from sandboxes import command_lines, make_repository, reference, strongest

from swe_ai_fleet.domain.check import CheckStatus
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Budget, Check, RepoRef, Task
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_checks import RayCheckRunner
from swe_ai_fleet.orchestrator.usecases.gathering_async import try_checks
from swe_ai_fleet.ports.checks import CheckRunner
from swe_ai_fleet.sandbox.check_runner import SandboxCheckRunner
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(400)]

SOURCE = "def reorder(stock, minimum):\n    return max(0, minimum - stock)\n"
TASK = Task(
    description="reorder() orders one unit too few.",
    checks=(Check(name="tests", command="PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest"),),
    budget=Budget(seconds=300.0),
)
HONEST = "from inventory import reorder\ndef test_equal(): assert reorder(3, 3) == 1\n"
HANGS_ON_ONE = (
    "from inventory import reorder\ndef test_slow():\n"
    "    while reorder(3, 3) == 1: pass\n    assert reorder(3, 3) == 2\n"
)
VANDAL = (
    "import os, pathlib\ndef test_vandal():\n"
    "    for name in pathlib.Path('..').resolve().rglob('inventory.py'):\n"
    "        name.write_text('def reorder(stock, minimum): return 1')\n    assert False\n"
)


def build(cache: Path) -> SandboxCheckRunner:
    """Makes the runner of a worker."""
    return SandboxCheckRunner(sandbox=strongest(), workspaces=GitWorkspaces(cache))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with local_ray():
        yield


@pytest.fixture(params=["in_process", pytest.param("ray", marks=pytest.mark.ray)], scope="module")
def runner(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CheckRunner:
    cache = tmp_path_factory.mktemp("cache")
    if request.param == "in_process":
        return build(cache)
    request.getfixturevalue("cluster")
    return RayCheckRunner(RayOptions(), partial(build, cache))


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> RepoRef:
    folder = tmp_path_factory.mktemp("repository") / "inventory"
    return reference(make_repository(folder, {"inventory.py": SOURCE}))


def checks(test: str, name: str = "test_shown") -> Proposal:
    content = f"{name}.py\n```python\n{test}```\n"
    return Proposal(
        proposal_id="t.0", agent_id="t", role="QA", model="m", round=0, kind="checks", content=content
    )


def answer(name: str, body: str) -> Proposal:
    content = f"inventory.py\n```python\ndef reorder(stock, minimum):\n    return {body}\n```\n"
    return Proposal(proposal_id=f"{name}.0", agent_id=name, role="DEV", model="m", round=0, content=content)


RIGHT = answer("ada", "0 if stock > minimum else minimum - stock + 1")
WRONG = answer("bob", "max(0, minimum - stock) * 1")
OFF = answer("cyd", "2 if stock == minimum else 0")


async def cases(runner: CheckRunner, repo: RepoRef, proposed: Proposal) -> dict[str, tuple[str, list[str]]]:
    """By what it ran on: the ending, and the verdicts."""
    report = await try_checks(runner, TASK, repo, proposed, [RIGHT, WRONG, OFF])
    return {trial.on: (trial.status.value, sorted(trial.cases.values())) for trial in report.trials or ()}


async def test_a_column_of_the_matrix_has_the_unchanged_commit_and_every_answer(
    runner: CheckRunner, repo: RepoRef
) -> None:
    assert await cases(runner, repo, checks(HONEST)) == {
        "base": ("failed", ["failed"]),
        "ada.0": ("passed", ["passed"]),
        "bob.0": ("failed", ["failed"]),
        "cyd.0": ("failed", ["failed"]),
    }


async def test_a_cell_that_hangs_costs_its_own_limit_only(runner: CheckRunner, repo: RepoRef) -> None:
    found = await cases(runner, repo, checks(HANGS_ON_ONE))
    assert found.pop("ada.0") in [("timeout", []), ("error", [])]
    assert found == {
        "base": ("failed", ["failed"]),
        "bob.0": ("failed", ["failed"]),
        "cyd.0": ("passed", ["passed"]),
    }


async def test_columns_side_by_side_do_not_see_each_other(runner: CheckRunner, repo: RepoRef) -> None:
    async with asyncio.TaskGroup() as group:
        honest = group.create_task(cases(runner, repo, checks(HONEST)))
        group.create_task(cases(runner, repo, checks(VANDAL, "test_vandal")))
    assert honest.result()["ada.0"] == ("passed", ["passed"])
    assert honest.result()["bob.0"] == ("failed", ["failed"])


async def test_cancelling_kills_what_runs(runner: CheckRunner, repo: RepoRef) -> None:
    mark = f"test_endless_{id(runner)}"
    endless = checks("def test_endless():\n    while True: pass\n", mark)
    task = TASK.model_copy(update={"budget": Budget(seconds=3600.0)})
    trying = asyncio.ensure_future(runner.try_checks(task, repo, endless, RIGHT))
    await until(mark, is_there=True)
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    await until(mark, is_there=False)
    assert (await runner.try_checks(TASK, repo, checks(HONEST), RIGHT)).status is CheckStatus.PASSED


async def until(mark: str, *, is_there: bool) -> None:
    """Some process of this machine runs that, or none does any more."""
    async with asyncio.timeout(60):
        while any(mark in line for line in command_lines()) is not is_there:  # noqa: ASYNC110 - other processes
            await asyncio.sleep(0.05)
