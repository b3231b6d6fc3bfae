"""Evidence for tests of the decision, written in one line a proposal."""

from collections.abc import Mapping, Sequence
from typing import Any

from swe_ai_fleet.domain.check import CheckReport, CheckResult, CheckStatus
from swe_ai_fleet.domain.council import AgentSpec, Council
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.review import Critique
from swe_ai_fleet.domain.task import Check, Task
from swe_ai_fleet.ranking.evidence import Evidence

CODE_TASK = Task(description="Fix it.", repo="./inventory", checks=(Check(name="tests", command="pytest"),))
TEXT_TASK = Task(description="Design it.", role="ARCHITECT")


def council(*names: str, model: str = "vllm:tiny") -> Council:
    """Agents of these names."""
    agents = tuple(AgentSpec(agent_id=name, role="DEV", model=model) for name in names)
    return Council(agents=agents, quorum=1)


def proposal(agent: str, content: str = "fix", *, round_: int = 0, **fields: Any) -> Proposal:
    """One answer of ``agent``."""
    return Proposal(
        proposal_id=f"{agent}.{round_}",
        agent_id=agent,
        role="DEV",
        model="vllm:tiny",
        round=round_,
        content=content,
        **fields,
    )


def report(
    proposal_id: str, cases: Mapping[str, Any] | None = None, *, patch: str | None = "fix", **fields: Any
) -> CheckReport:
    """One check ``tests`` whose cases ended like this; by default both pass."""
    cases = {"a": "passed", "b": "passed"} if cases is None else cases
    failed = "failed" in cases.values()
    result = CheckResult(
        name="tests", status=CheckStatus.FAILED if failed else CheckStatus.PASSED, cases=dict(cases)
    )
    defaults: dict[str, Any] = {"applied": patch is not None, "results": (result,), "patch_key": patch}
    return CheckReport(proposal_id=proposal_id, **{**defaults, **fields})


BASE = report("base", {"a": "passed", "b": "failed"}, patch=None, applied=True)


def critique(reviewer: str, proposal_id: str, score: float, verdict: Any = "revise") -> Critique:
    """What ``reviewer`` says of a proposal."""
    return Critique(proposal_id=proposal_id, reviewer_id=reviewer, verdict=verdict, score=score)


def code_evidence(proposals: Sequence[Proposal], reports: Sequence[CheckReport], **fields: Any) -> Evidence:
    """Of a task whose case ``b`` fails on the base."""
    names = sorted({p.agent_id for p in proposals})
    defaults: dict[str, Any] = {"task": CODE_TASK, "council": council(*names), "base": BASE}
    by_id = {r.proposal_id: r for r in reports}
    return Evidence(proposals=tuple(proposals), reports=by_id, **{**defaults, **fields})


def text_evidence(
    proposals: Sequence[Proposal], critiques: Sequence[Critique] = (), **fields: Any
) -> Evidence:
    """Of a task without code."""
    names = sorted({p.agent_id for p in proposals} | {c.reviewer_id for c in critiques})
    defaults: dict[str, Any] = {"task": TEXT_TASK, "council": council(*names)}
    return Evidence(proposals=tuple(proposals), critiques=tuple(critiques), **{**defaults, **fields})
