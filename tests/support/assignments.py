"""Assignments for tests of agents and pools."""

from datetime import UTC, datetime, timedelta
from typing import Any

from swe_ai_fleet.domain.brief import (
    Assignment,
    Brief,
    CritiqueStep,
    ProposeStep,
    ReviseStep,
    SourceFile,
    Step,
)
from swe_ai_fleet.domain.check import CheckReport, CheckResult, CheckStatus
from swe_ai_fleet.domain.council import BASE_AGENT, AgentSpec
from swe_ai_fleet.domain.proposal import Proposal, proposal_id
from swe_ai_fleet.domain.review import Critique
from swe_ai_fleet.domain.task import Check, Constraints, RepoRef, Task

SIMULATED = "vllm:simulated"


def spec(agent_id: str = "dev-1", *, role: str = "DEV", model: str = SIMULATED, **fields: Any) -> AgentSpec:
    return AgentSpec(agent_id=agent_id, role=role, model=model, **fields)


def task(**fields: Any) -> Task:
    return Task(
        **{
            "id": "reorder",
            "description": "reorder_level() orders one unit too few.",
            "constraints": Constraints(rubric="correctness first", requirements=("keep the public API",)),
            "checks": (Check(name="tests", command="python -m pytest -q"),),
            **fields,
        }
    )


def code_brief(**fields: Any) -> Brief:
    failed = CheckResult(
        name="tests", status=CheckStatus.FAILED, cases={"test_equal": "failed"}, output_tail="assert 4 == 5"
    )
    return Brief(
        **{
            "task": task(),
            "repo": RepoRef(url="/srv/inventory", commit="c" * 40),
            "base": CheckReport(proposal_id=BASE_AGENT, applied=True, results=(failed,)),
            "tree": ("stockroom/levels.py", "tests/test_levels.py"),
            "files": (SourceFile(path="stockroom/levels.py", text="def reorder_level():\n    return 4\n"),),
            **fields,
        }
    )


def text_brief(description: str = "Name three risks of a big-bang migration.") -> Brief:
    return Brief(task=Task(id="risks", description=description))


def proposal(agent_id: str, content: str = "return 5", *, round_: int = 0) -> Proposal:
    return Proposal(
        proposal_id=proposal_id(agent_id, round_),
        agent_id=agent_id,
        role="DEV",
        model=SIMULATED,
        round=round_,
        content=content,
    )


def critique_step(*agent_ids: str) -> CritiqueStep:
    return CritiqueStep(proposals=tuple(proposal(agent_id) for agent_id in agent_ids))


def revise_step(agent_id: str = "dev-1") -> ReviseStep:
    parent = proposal(agent_id)
    said = Critique(
        proposal_id=parent.proposal_id,
        reviewer_id="dev-2",
        verdict="revise",
        score=0.3,
        defects=("it forgets that stock may equal the minimum",),
        suggestion="compare with <=",
    )
    return ReviseStep(parent=parent, critiques=(said,))


def assignment(step: Step | None = None, *, seconds: float = 30.0, **fields: Any) -> Assignment:
    """Asked now, by this machine's clock, and worth something for ``seconds``."""
    step = step or ProposeStep()
    return Assignment(
        **{
            "deliberation_id": "d1",
            "task_id": "reorder",
            "num_agents": 3,
            "round": 0 if step.kind == "propose" else 1,
            "agent": spec(),
            "brief": text_brief(),
            "step": step,
            "deadline": datetime.now(UTC) + timedelta(seconds=seconds),
            **fields,
        }
    )
