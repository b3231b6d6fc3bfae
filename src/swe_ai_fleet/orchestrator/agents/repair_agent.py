"""The embedded default: an agent that repairs Python programs by search, without any model."""

import asyncio
from typing import NoReturn

from swe_ai_fleet.domain.brief import Assignment, CritiqueStep, JudgeStep, ProposeStep, ReviseStep
from swe_ai_fleet.domain.check import CheckReport, CheckStatus
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.outcome import Reviewed
from swe_ai_fleet.domain.proposal import Proposal, proposal_id
from swe_ai_fleet.domain.review import Critique
from swe_ai_fleet.domain.task import RepoRef
from swe_ai_fleet.errors import AgentRefusedError
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.ports.checks import Sandbox, Workspaces
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.findings import Findings
from swe_ai_fleet.repair.job import NothingFoundError, RepairJob
from swe_ai_fleet.repair.repairing import repair
from swe_ai_fleet.repair.said import HarnessError
from swe_ai_fleet.repair.story import evidence_of

MODEL = "offline:repair"
_CONFIGURE = (
    "Or configure a model: FLEET_MODELS__VLLM__URL and FLEET_MODELS__VLLM__MODEL, --model provider:model."
)
_MARGIN_S = 1.0
"""Kept of the time for recording the answer."""


class RepairAgent:
    """An :class:`~swe_ai_fleet.ports.agents.Agent` that tries small edits where failing tests point.

    Its part of the space of edits is ``spec.shard`` of ``spec.shards``. What it proposes is a unified diff that has
    passed the checks, with the story of how it was found as evidence; it never proposes anything else.
    """

    def __init__(
        self, spec: AgentSpec, *, sandbox: Sandbox, workspaces: Workspaces, clock: Clock | None = None
    ) -> None:
        """Nothing runs yet."""
        self._spec = spec
        self._sandbox = sandbox
        self._workspaces = workspaces
        self._clock = clock or SystemClock()

    async def propose(
        self, assignment: Assignment, step: ProposeStep, findings: Findings | None = None, /
    ) -> Proposal:
        """Search until the first good answers are in, or the deadline comes.

        Raises:
            AgentRefusedError: the task cannot be served, or nothing was found; it says what was tried.
            SandboxUnavailableError: nothing here contains untrusted code.
        """
        return await self._search(assignment, findings)

    async def critique(self, assignment: Assignment, step: CritiqueStep) -> Reviewed:
        """Judge peers by what the sandbox saw of them, and by nothing else."""
        reports = {report.proposal_id: report for report in step.reports}
        return Reviewed(
            critiques=tuple(
                _judged(proposal, reports.get(proposal.proposal_id), self._spec.agent_id)
                for proposal in step.proposals
                if proposal.agent_id != self._spec.agent_id
            )
        )

    async def judge(self, assignment: Assignment, step: JudgeStep) -> NoReturn:
        """Refused: it reads programs, not answers.

        Raises:
            AgentRefusedError: always.
        """
        raise AgentRefusedError("A search cannot tell which of two texts is better.", _CONFIGURE)

    async def revise(self, assignment: Assignment, step: ReviseStep) -> NoReturn:
        """Refused: the same search would find the same again, and remarks in words say nothing to it.

        Raises:
            AgentRefusedError: always.
        """
        raise AgentRefusedError("A search has nothing to add to its answer.", _CONFIGURE)

    async def close(self) -> None:
        """Nothing stays open between two questions."""

    async def _search(self, assignment: Assignment, findings: Findings | None) -> Proposal:
        repo = _served(assignment)
        task, spec = assignment.brief.task, assignment.agent
        left_s = (assignment.deadline - self._clock.now()).total_seconds() - _MARGIN_S
        deadline = asyncio.get_running_loop().time() + left_s
        failed = _failed(assignment.brief.base)
        async with self._workspaces.checkout(repo) as folder:
            job = RepairJob(
                folder=folder,
                failing=tuple(c for c in task.checks if failed is None or c.name in failed),
                others=tuple(c for c in task.checks if failed is not None and c.name not in failed),
                description=task.description,
                protected=task.protected_paths,
                known=_known(assignment.brief.base),
                suite_s=_suite_s(assignment.brief.base),
                shard=spec.shard,
                shards=spec.shards,
                deadline=deadline,
                findings=findings,
            )
            try:
                found = await repair(job, self._sandbox)
            except NothingFoundError as nothing:
                raise AgentRefusedError(f"Nothing found: {nothing.reason}.", _CONFIGURE) from nothing
            except HarnessError as error:
                raise AgentRefusedError(
                    f"The checks cannot be searched with: {error}.", _CONFIGURE
                ) from error
        return Proposal(
            proposal_id=proposal_id(spec.agent_id, assignment.round),
            agent_id=spec.agent_id,
            role=spec.role,
            model=MODEL,
            round=assignment.round,
            content=found.patch,
            evidence=evidence_of(found),
        )


def _served(assignment: Assignment) -> RepoRef:
    """The repository; a refusal that helps where the task has nothing to search with."""
    brief = assignment.brief
    if assignment.agent.duty == "test":
        raise AgentRefusedError("A search finds repairs; it does not think of checks.", _CONFIGURE)
    if brief.repo is None:
        raise AgentRefusedError(
            "A search repairs code, and this task has no repository.", f"Name one with `repo`. {_CONFIGURE}"
        )
    if not brief.task.checks:
        raise AgentRefusedError(
            "A search needs a check that fails, and this task has none.",
            f"Add one with `checks`, such as `python -m pytest -q`. {_CONFIGURE}",
        )
    if _failed(brief.base) == frozenset():
        raise AgentRefusedError(
            "Every check passes on the unchanged commit, so that nothing tells when the work is done.",
            f"Add a check that fails until it is done. {_CONFIGURE}",
        )
    if brief.tree and not any(path.endswith(".py") for path in brief.tree):
        raise AgentRefusedError(
            "This repository has no Python, and the search knows nothing else.", _CONFIGURE
        )
    return brief.repo


def _failed(base: CheckReport | None) -> frozenset[str] | None:
    """Names of the checks that do not pass on the unchanged commit; None where nobody has looked."""
    if base is None:
        return None
    return frozenset(result.name for result in base.results if result.status is not CheckStatus.PASSED)


def _known(base: CheckReport | None) -> dict[str, str]:
    """What the report says of each case that it is sure of."""
    results = () if base is None else base.results
    unsure = set() if base is None else set(base.flaky)
    cases = ((f"{r.name}::{case}", case, verdict) for r in results for case, verdict in r.cases.items())
    return {case: verdict for name, case, verdict in cases if name not in unsure}


def _suite_s(base: CheckReport | None) -> float | None:
    results = () if base is None else base.results
    return sum(r.duration_s for r in results if r.status is CheckStatus.FAILED) or None


def _judged(proposal: Proposal, report: CheckReport | None, reviewer_id: str) -> Critique:
    """Accepted where every check passed, rejected where it does not apply, else to be revised."""
    defects: tuple[str, ...]
    if report is None:
        verdict, score, defects = "revise", 0.5, ("its checks have not been run",)
    elif not report.applied:
        verdict, score, defects = "reject", 0.0, (report.reason or "it does not apply",)
    elif failures := sorted(report.failures()):
        verdict, score, defects = "revise", 0.1, tuple(f"fails: {failure}" for failure in failures[:10])
    else:
        verdict, score, defects = "accept", 0.9, ()
    return Critique.model_validate(
        {
            "proposal_id": proposal.proposal_id,
            "reviewer_id": reviewer_id,
            "verdict": verdict,
            "score": score,
            "defects": defects,
        }
    )
