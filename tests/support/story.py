"""Builds events and tasks for tests: a story told in one line an event."""

from datetime import UTC, datetime, timedelta
from typing import Any

from swe_ai_fleet.domain.check import CheckReport, CheckResult, CheckStatus
from swe_ai_fleet.domain.council import BASE_AGENT, assemble_council
from swe_ai_fleet.domain.events import (
    AgentFailed,
    CancelRequested,
    Checked,
    Critiqued,
    Learnt,
    Proposed,
    Requested,
    Revised,
    RoundClosed,
    Started,
)
from swe_ai_fleet.domain.lesson import Lesson, PartialFix
from swe_ai_fleet.domain.outcome import Failure, Refused
from swe_ai_fleet.domain.proposal import Proposal, Usage, proposal_id
from swe_ai_fleet.domain.review import Critique
from swe_ai_fleet.domain.task import Budget, Check, CouncilPlan, RepoRef, Task

T0 = datetime(2026, 1, 1, tzinfo=UTC)
REPO = RepoRef(url="/srv/inventory", commit="c" * 40)


def task(
    *, agents: int = 3, rounds: int = 0, quorum: int | None = None, code: bool = True, **budget: Any
) -> Task:
    return Task(
        id="reorder",
        description="reorder_level() orders one unit too few.",
        repo=REPO.url if code else None,
        checks=(Check(name="tests", command="python -m pytest -q"),) if code else (),
        council=CouncilPlan(agents=agents, rounds=rounds, quorum=quorum),
        budget=Budget(**{"seconds": 100.0, **budget}),
    )


class Story:
    """Events of one deliberation, each ``at`` seconds after the start."""

    def __init__(
        self, a_task: Task | None = None, *, model: str = "vllm:tiny", deliberation_id: str = "d1"
    ) -> None:
        self.task = a_task or task()
        self.council = assemble_council(self.task, [model], seed=7)
        self.deliberation_id = deliberation_id

    def _common(self, at: float) -> dict[str, Any]:
        return {
            "deliberation_id": self.deliberation_id,
            "task_id": "reorder",
            "num_agents": len(self.council.agents),
            "time": T0 + timedelta(seconds=at),
        }

    def _agent(self, index: int) -> dict[str, Any]:
        spec = self.council.agents[index]
        return {"agent_id": spec.agent_id, "role": spec.role, "model": spec.model}

    def requested(self) -> Requested:
        repo = REPO if self.task.repo else None
        return Requested(task=self.task, council=self.council, seed=7, repo=repo, **self._common(0))

    def started(self) -> Started:
        return Started(**self._common(0))

    def base(self, *, failing: bool = True, at: float = 0.1) -> Checked:
        report = self.report(BASE_AGENT, passed=not failing)
        return Checked(agent_id=BASE_AGENT, role="", model="", report=report, **self._common(at))

    def proposal(self, index: int, content: str = "fix", *, round_: int = 0, tokens: int = 0) -> Proposal:
        agent = self._agent(index)
        parent = proposal_id(agent["agent_id"], round_ - 1) if round_ else None
        return Proposal(
            proposal_id=proposal_id(agent["agent_id"], round_),
            round=round_,
            content=content,
            parent_id=parent,
            usage=Usage(requests=1, completion_tokens=tokens),
            **agent,
        )

    def proposed(self, index: int, content: str = "fix", *, at: float = 1.0, tokens: int = 0) -> Proposed:
        proposal = self.proposal(index, content, tokens=tokens)
        return Proposed(proposal=proposal, **self._agent(index), **self._common(at))

    def revised(self, index: int, content: str = "better", *, round_: int = 1, at: float = 3.0) -> Revised:
        proposal = self.proposal(index, content, round_=round_)
        return Revised(proposal=proposal, round=round_, **self._agent(index), **self._common(at))

    def report(self, pid: str, *, passed: bool, applied: bool = True, content: str = "fix") -> CheckReport:
        status = CheckStatus.PASSED if passed else CheckStatus.FAILED
        verdict = "passed" if passed else "failed"
        result = CheckResult(name="tests", status=status, cases={"test_a": "passed", "test_b": verdict})
        return CheckReport(
            proposal_id=pid,
            applied=applied,
            patch=content if applied else None,
            patch_key=content if applied else None,
            results=(result,) if applied else (),
        )

    def checked(
        self,
        index: int,
        *,
        passed: bool,
        content: str = "fix",
        round_: int = 0,
        applied: bool = True,
        at: float = 1.5,
    ) -> Checked:
        agent = self._agent(index)
        pid = proposal_id(agent["agent_id"], round_)
        report = self.report(pid, passed=passed, applied=applied, content=content)
        return Checked(report=report, round=round_, **agent, **self._common(at))

    def critiqued(
        self, index: int, about: int, *, verdict: Any = "revise", score: float = 0.4, round_: int = 1
    ) -> Critiqued:
        agent, target = self._agent(index), self._agent(about)
        critique = Critique(
            proposal_id=proposal_id(target["agent_id"], round_ - 1),
            reviewer_id=agent["agent_id"],
            verdict=verdict,
            score=score,
        )
        return Critiqued(critiques=(critique,), round=round_, **agent, **self._common(2))

    def failed(self, index: int, failure: Failure | None = None, *, round_: int = 0) -> AgentFailed:
        reason = failure or Refused(reason="nothing found")
        return AgentFailed(failure=reason, round=round_, **self._agent(index), **self._common(1))

    def learnt(self, index: int) -> Learnt:
        part = PartialFix(
            file="stock.py",
            start=10,
            end=11,
            text="<=",
            line=2,
            family="comparison",
            cost=1.5,
            killed_by="test_b",
            got_on=True,
        )
        lesson = Lesson(tried=120, kills={"test_a": 119, "test_b": 1}, promising=(part,))
        return Learnt(lesson=lesson, **self._agent(index), **self._common(1))

    def cut(self, included: list[str], *, checked: list[str] | None = None, round_: int = 0) -> RoundClosed:
        return RoundClosed(
            included=tuple(included),
            checked=tuple(included if checked is None else checked),
            reason="complete",
            round=round_,
            **self._common(2),
        )

    def cancelled(self) -> CancelRequested:
        return CancelRequested(**self._common(1))
