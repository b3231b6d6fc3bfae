"""Answers that are no patch, or that spoil the test runner's record: each is told of, and the others go on."""

from dataclasses import dataclass

import pytest
from sandboxes import make_repository, reference, strongest
from small_fleet import Says, ScriptedChecks, small_fleet
from story import task as a_task

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Check, RepoRef, Task
from swe_ai_fleet.sandbox.check_runner import SandboxCheckRunner
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces

pytestmark = pytest.mark.sandbox

FILES = {
    "inventory.py": "def reorder(stock, minimum):\n    return max(0, minimum - stock)\n",
    "tests/test_inventory.py": "from inventory import reorder\n\ndef test_equal(): assert reorder(3, 3) == 1\n",
}
PYTEST = Check(name="tests", command="PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest tests")
UNITTEST = Check(name="units", command="python -m unittest discover")
GOOD = "~~~ inventory.py\ndef reorder(stock, minimum): return 1\n~~~\n"
NO_PATCH = {
    "a line number without end": f"--- a/inventory.py\n+++ b/inventory.py\n@@ -{'1' * 5000} +1 @@\n-x\n+y\n",
    "a file that is a folder of another": "~~~ x.d\na\n~~~\n~~~ x.d/y.py\nb\n~~~\n",
    "a name that is too long": f"~~~ {'n' * 300}.py\na\n~~~\n",
}
SEALED = """\
~~~ inventory.py
import os
for thing in getattr(__import__("g" + "c"), "get_" + "objects")():
    if type(thing).__name__ == "Record":
        thing.add({facts}); os._exit(0)
~~~
"""
WHOLE = "exit=0, places={}, silent=[], tampered=''"
SPOILT = {
    "a line without facts": "kind='finish'",
    "a line of no kind": "kind='middle'",
    "a verdict of no kind": f"kind='finish', cases={{'a': 'great'}}, {WHOLE}",
    "cases that are a list": f"kind='finish', cases=[[1, 'passed']], {WHOLE}",
    "half a character": f"kind='finish', cases={{chr(0xd800): 'passed'}}, {WHOLE}",
    "places that are lists": "kind='finish', exit=0, cases={'a': 'skipped'}, places={'a': []}, silent=[], tampered=''",
}
HALF_A_NAME = """\
~~~ test_s.py
import unittest
class T(unittest.TestCase): pass
setattr(T, "test_" + chr(0xd800), lambda self: None)
~~~
"""


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> RepoRef:
    return reference(make_repository(tmp_path_factory.mktemp("repository") / "inventory", FILES))


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> SandboxCheckRunner:
    return SandboxCheckRunner(sandbox=strongest(), workspaces=GitWorkspaces(tmp_path_factory.mktemp("cache")))


async def checked(runner: SandboxCheckRunner, repo: RepoRef, check: Check, content: str) -> CheckReport:
    """The report, as the record gives it back."""
    task = Task(description="Fix reorder().", checks=(check,), protected_paths=("tests/**",))
    proposal = Proposal(
        proposal_id="dev-1.0", agent_id="dev-1", role="DEV", model="m", round=0, content=content
    )
    report = await runner.check(task, repo, proposal)
    return CheckReport.model_validate_json(report.model_dump_json())


@pytest.mark.parametrize("what", NO_PATCH)
async def test_what_cannot_be_read_is_told_of(what: str, runner: SandboxCheckRunner, repo: RepoRef) -> None:
    report = await checked(runner, repo, PYTEST, NO_PATCH[what])

    assert not report.applied
    assert report.reason


@pytest.mark.parametrize("what", SPOILT)
async def test_a_record_that_cannot_be_read_is_an_error(
    what: str, runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    report = await checked(runner, repo, PYTEST, SEALED.format(facts=SPOILT[what]))

    assert [result.status.value for result in report.results] == ["error"]
    assert "the record cannot be read" in report.results[0].output_tail


async def test_a_test_whose_name_is_no_text_is_an_error(runner: SandboxCheckRunner, repo: RepoRef) -> None:
    report = await checked(runner, repo, UNITTEST, HALF_A_NAME)

    assert [result.status.value for result in report.results] == ["error"]


FLOODS = {
    "long names": f"kind='finish', cases={{f'{{n}}' + 'x' * 60_000: 'passed' for n in range(200)}}, {WHOLE}",
    "one long name": f"kind='finish', cases={{'x' * 1001: 'passed'}}, {WHOLE}",
    "many names": f"kind='finish', cases={{f'{{n}}': 'passed' for n in range(20_001)}}, {WHOLE}",
    "much in all": f"kind='finish', cases={{f'{{n:0>900}}': 'passed' for n in range(3000)}}, {WHOLE}",
    "a long remark": "kind='finish', exit=0, cases={}, places={}, silent=['x' * 9_000_000], tampered=''",
}


@pytest.mark.parametrize("what", FLOODS)
async def test_cases_beyond_measure_are_an_error_and_no_large_report(
    what: str, runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    report = await checked(runner, repo, PYTEST, SEALED.replace("{facts}", FLOODS[what]))

    assert [result.status.value for result in report.results] == ["error"]
    assert "not run" not in report.results[0].output_tail
    assert len(report.model_dump_json()) < 20_000


async def test_a_patch_that_cannot_be_written_is_an_error(
    runner: SandboxCheckRunner, repo: RepoRef, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("swe_ai_fleet.sandbox.check_runner.write_files", full)

    report = await checked(runner, repo, PYTEST, GOOD)

    assert [result.status.value for result in report.results] == ["error"]
    assert "No space left on device" in report.results[0].output_tail


@dataclass(kw_only=True)
class RealChecks(ScriptedChecks):
    """The sandbox's, on a repository of this test."""

    runner: SandboxCheckRunner
    repo: RepoRef

    async def check_base(self, task: Task, repo: RepoRef) -> CheckReport:
        return await self.runner.check_base(task, self.repo)

    async def check(self, task: Task, repo: RepoRef, proposal: Proposal) -> CheckReport:
        return await self.runner.check(task, self.repo, proposal)


@pytest.mark.parametrize(
    "bad", [*NO_PATCH.values(), SEALED.format(facts="kind='finish'")], ids=[*NO_PATCH, "no facts"]
)
async def test_the_other_answers_go_on(bad: str, runner: SandboxCheckRunner, repo: RepoRef) -> None:
    def script(assignment: Assignment) -> Says:
        return Says(content=bad if assignment.agent.agent_id.endswith("1") else GOOD, after_s=0.1)

    async with small_fleet(script, checks=RealChecks(runner=runner, repo=repo)) as fleet:
        task = a_task(seconds=60.0).model_copy(update={"checks": (PYTEST,)})
        result = await fleet.deliberate.run(fleet.request(task))

        assert (await fleet.types())[-1] == "closed"
    assert result.winner is not None
    assert result.winner.content == GOOD
