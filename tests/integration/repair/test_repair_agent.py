"""The repair agent on small repositories, in the real sandbox."""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from endings import until
from sandboxes import git, make_repository, strongest

from swe_ai_fleet.domain.brief import Assignment, Brief, CritiqueStep, ProposeStep, ReviseStep
from swe_ai_fleet.domain.check import CheckReport, CheckResult, CheckStatus
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Check, RepoRef, Task
from swe_ai_fleet.errors import AgentRefusedError
from swe_ai_fleet.orchestrator.agents.repair_agent import RepairAgent
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces

pytestmark = pytest.mark.sandbox

SHOP = '"""A shop."""\n\n\ndef reorder(stock,minimum):   # their style\n    return stock < minimum\n'
RIGHT = SHOP.replace("stock < minimum", "stock <= minimum")
TESTS = (
    "import shop\n\ndef test_less():\n    assert shop.reorder(1, 3)\n\n"
    "def test_more():\n    assert not shop.reorder(4, 3)\n"
)
FAILING = TESTS + "\ndef test_equal():\n    assert shop.reorder(3, 3)\n"
CASES = (
    "import unittest, shop\n\nclass Reorder(unittest.TestCase):\n"
    "    def test_equal(self):\n        self.assertTrue(shop.reorder(3, 3))\n"
    "    def test_more(self):\n        self.assertFalse(shop.reorder(4, 3))\n"
)
SCRIPT = "import shop\nassert shop.reorder(3, 3)\nassert not shop.reorder(4, 3)\n"
SPEC = AgentSpec(agent_id="dev-1", role="DEV", model="offline:repair")


def _assignment(repo: RepoRef | None, *commands: str, seconds: float = 50.0, **fields: Any) -> Assignment:
    checks = tuple(Check(name=f"c{n}", command=command) for n, command in enumerate(commands))
    task = Task(description="reorder() is wrong when stock equals the minimum.", checks=checks)
    return Assignment(
        deliberation_id="d1",
        task_id="t1",
        num_agents=1,
        round=0,
        agent=SPEC,
        brief=Brief(task=task, repo=repo, **fields),
        step=ProposeStep(),
        deadline=datetime.now(UTC) + timedelta(seconds=seconds),
    )


async def _repository(folder: Path, **files: str) -> RepoRef:
    named = {name.replace("__", "."): text for name, text in files.items()}
    return await resolve_repo(str(make_repository(folder / "repo", named)), relative_to=folder)


def _agent(folder: Path) -> RepairAgent:
    return RepairAgent(SPEC, sandbox=strongest(), workspaces=GitWorkspaces(folder / "cache"))


@pytest.mark.parametrize(
    ("command", "name", "tests"),
    [
        ("python -m pytest -q", "test_shop__py", FAILING),
        ("python -m unittest", "test_shop__py", CASES),
        ("sh check.sh", "check__sh", "python script.py\n"),
    ],
)
async def test_a_bug_is_found_whatever_runs_the_tests(
    tmp_path: Path, command: str, name: str, tests: str
) -> None:
    more = {"script__py": SCRIPT} if command.startswith("sh") else {}
    repo = await _repository(tmp_path, shop__py=SHOP, **{name: tests}, **more)
    found = await _agent(tmp_path).propose(_assignment(repo, command), ProposeStep())
    (tmp_path / "fix.patch").write_text(found.content)
    git(tmp_path / "repo", "apply", str(tmp_path / "fix.patch"))
    assert (tmp_path / "repo" / "shop.py").read_text() == RIGHT
    assert found.evidence["whole_suite_passed"] is True
    assert "comparison" in str(found.evidence["summary"]).lower()
    assert isinstance(found.evidence["prior"], float)


async def test_a_bug_that_keeps_the_suite_from_being_imported_is_found(tmp_path: Path) -> None:
    shop = "LIMITS = {'low': 1}\nLOW = LIMITS['high']\n\n\ndef reorder(stock):\n    return stock <= LOW\n"
    tests = "import shop\n\ndef test_it():\n    assert shop.reorder(1) and not shop.reorder(2)\n"
    repo = await _repository(tmp_path, shop__py=shop, test_shop__py=tests)
    found = await _agent(tmp_path).propose(_assignment(repo, "python -m pytest -q"), ProposeStep())
    assert "+LOW = LIMITS['low']\n" in found.content


async def test_a_repair_that_breaks_another_check_is_not_proposed(tmp_path: Path) -> None:
    lint = "import sys, shop\nsys.exit('<=' in open('shop.py').read())\n"
    repo = await _repository(tmp_path, shop__py=SHOP, test_shop__py=FAILING, lint__py=lint)
    base = _report(c0=CheckStatus.FAILED, c1=CheckStatus.PASSED)
    assignment = _assignment(repo, "python -m pytest -q", "python lint.py", base=base)
    found = await _agent(tmp_path).propose(assignment, ProposeStep())
    assert "<=" not in found.content


def _report(**statuses: CheckStatus) -> CheckReport:
    results = tuple(CheckResult(name=name, status=status) for name, status in statuses.items())
    return CheckReport(proposal_id="base", applied=True, results=results)


async def test_a_task_that_cannot_be_served_is_refused_with_a_way_out(tmp_path: Path) -> None:
    agent = _agent(tmp_path)
    repo = RepoRef(url="/nowhere", commit="c" * 40)
    passing = _report(c0=CheckStatus.PASSED)
    for assignment, reason in [
        (_assignment(None), "no repository"),
        (_assignment(repo), "this task has none"),
        (_assignment(repo, "true", base=passing), "Every check passes"),
        (_assignment(repo, "make", tree=("main.c",)), "no Python"),
    ]:
        with pytest.raises(AgentRefusedError, match=reason) as refusal:
            await agent.propose(assignment, ProposeStep())
        assert "FLEET_MODELS__" in refusal.value.way_out


async def test_where_nothing_passes_it_says_what_was_tried(tmp_path: Path) -> None:
    impossible = "import shop\n\ndef test_it():\n    assert shop.reorder(3, 3) == 'a miracle'\n"
    repo = await _repository(tmp_path, shop__py=SHOP, test_shop__py=impossible)
    with pytest.raises(AgentRefusedError, match=r"\d+ single edits and \d+ pairs at .* shop.py:5"):
        await _agent(tmp_path).propose(_assignment(repo, "python -m pytest -q", seconds=14), ProposeStep())


async def test_cancelling_leaves_no_process_and_no_copy(tmp_path: Path) -> None:
    endless = SHOP.replace("    return", "    while stock: pass\n    return")
    repo = await _repository(tmp_path, shop__py=endless, test_shop__py=FAILING)
    before = _children()
    work = asyncio.ensure_future(
        _agent(tmp_path).propose(_assignment(repo, "python -m pytest -q"), ProposeStep())
    )
    await until(lambda: bool(list((tmp_path / "cache").glob("work/*"))))
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert _children() <= before
    assert not list((tmp_path / "cache").glob("work/*"))


def _children() -> set[str]:
    return {
        path.name
        for path in Path("/proc").iterdir()
        if path.name.isdigit() and _parent(path.name) == str(os.getpid())
    }


def _parent(pid: str) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1]
    except OSError:
        return ""


async def test_peers_are_judged_by_what_the_sandbox_saw(tmp_path: Path) -> None:
    peers = [
        Proposal(proposal_id=f"dev-{n}.0", agent_id=f"dev-{n}", role="DEV", model="m", round=0, content="x")
        for n in range(1, 5)
    ]
    reports = (
        _report(c0=CheckStatus.PASSED).model_copy(update={"proposal_id": "dev-2.0"}),
        _report(c0=CheckStatus.FAILED).model_copy(update={"proposal_id": "dev-3.0"}),
    )
    step = CritiqueStep(proposals=tuple(peers), reports=reports)
    said = await _agent(tmp_path).critique(_assignment(None), step)
    assert [(c.proposal_id, c.verdict) for c in said.critiques] == [
        ("dev-2.0", "accept"),
        ("dev-3.0", "revise"),
        ("dev-4.0", "revise"),
    ]
    with pytest.raises(AgentRefusedError, match="nothing to add"):
        await _agent(tmp_path).revise(_assignment(None), ReviseStep(parent=peers[0]))
