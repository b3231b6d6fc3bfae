"""A whole fleet in memory: the real use cases, pool and record, with agents and checks that do as they are told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from fake_time import LoopClock
from in_process_cells import InProcessCells
from story import REPO, Story
from story import task as a_task

from swe_ai_fleet.domain.brief import Assignment, CritiqueStep, JudgeStep, ProposeStep, ReviseStep, SourceFile
from swe_ai_fleet.domain.check import CheckReport, CheckStatus, Trial
from swe_ai_fleet.domain.council import BASE_AGENT, AgentSpec
from swe_ai_fleet.domain.events import Event, Requested
from swe_ai_fleet.domain.outcome import Reviewed
from swe_ai_fleet.domain.proposal import Proposal, Usage, proposal_id
from swe_ai_fleet.domain.review import Ballot, Critique, Preference
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.errors import FleetError
from swe_ai_fleet.execution.in_process import InProcessAgentPool
from swe_ai_fleet.messaging.in_memory import open_in_memory_record
from swe_ai_fleet.orchestrator.usecases.cancel_async import CancelAsync
from swe_ai_fleet.orchestrator.usecases.deliberate_async_usecase import DeliberateAsync
from swe_ai_fleet.orchestrator.usecases.requesting import request_deliberation
from swe_ai_fleet.ports.cells import CellRunner
from swe_ai_fleet.ports.findings import Findings
from swe_ai_fleet.ports.record import EventLog, Record

MODEL = "vllm:tiny"


def honestly(first: str, second: str) -> Preference:
    """A fix is better than what is wrong, and that than words; then by the alphabet."""

    def worth(text: str) -> tuple[int, str]:
        return (0 if "fix" in text else 1 if "wrong" in text else 2, text)

    if worth(first) == worth(second):
        return "tie"
    return "first" if worth(first) < worth(second) else "second"


@dataclass(frozen=True, kw_only=True)
class Says:
    """How one agent behaves when it is asked."""

    content: str = "fix"
    after_s: float = 1.0
    error: Exception | None = None
    verdict: str = "revise"
    ignores_cancel: bool = False
    judges: Callable[[str, str], Preference | None] = honestly


Script = Callable[[Assignment], Says]


def by_agent(says: dict[str, Says], otherwise: Says | None = None) -> Script:
    """A script by agent id, the same in all rounds."""
    return lambda assignment: says.get(assignment.agent.agent_id, otherwise or Says())


@dataclass(kw_only=True)
class Agents:
    """What the agents were asked, in order, and which of the calls were cancelled."""

    script: Script
    asked: list[tuple[str, int, str]] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def build(self, spec: AgentSpec) -> "_ScriptedAgent":
        return _ScriptedAgent(spec, self)


class _ScriptedAgent:
    def __init__(self, spec: AgentSpec, agents: Agents) -> None:
        self._spec = spec
        self._agents = agents

    async def propose(self, assignment: Assignment, step: ProposeStep, _findings: Findings, /) -> Proposal:
        return self._proposal(assignment, await self._said(assignment), None)

    async def revise(self, assignment: Assignment, step: ReviseStep) -> Proposal:
        return self._proposal(assignment, await self._said(assignment), step.parent.proposal_id)

    async def critique(self, assignment: Assignment, step: CritiqueStep) -> Reviewed:
        says = await self._said(assignment)
        critiques = tuple(
            Critique.model_validate(
                {
                    "proposal_id": peer.proposal_id,
                    "reviewer_id": self._spec.agent_id,
                    "verdict": says.verdict,
                    "score": 0.5,
                }
            )
            for peer in step.proposals
        )
        return Reviewed(critiques=critiques, usage=Usage(requests=1, completion_tokens=3))

    async def judge(self, assignment: Assignment, step: JudgeStep) -> Reviewed:
        says = await self._said(assignment)
        return Reviewed(
            ballots=tuple(
                Ballot(showing=s, preferred=says.judges(step.texts[s.first], step.texts[s.second]))
                for s in step.showings
            ),
            usage=Usage(requests=len(step.showings), completion_tokens=5 * len(step.showings)),
        )

    async def close(self) -> None:
        pass

    async def _said(self, assignment: Assignment) -> Says:
        agent_id = self._spec.agent_id
        self._agents.asked.append((agent_id, assignment.round, assignment.step.kind))
        says = self._agents.script(assignment)
        try:
            await asyncio.sleep(says.after_s)
        except asyncio.CancelledError:
            self._agents.cancelled.append(agent_id)
            if not says.ignores_cancel:
                raise
        if says.error is not None:
            raise says.error
        return says

    def _proposal(self, assignment: Assignment, says: Says, parent_id: str | None) -> Proposal:
        spec = self._spec
        return Proposal(
            proposal_id=proposal_id(spec.agent_id, assignment.round),
            agent_id=spec.agent_id,
            role=spec.role,
            model=spec.model,
            round=assignment.round,
            kind="checks" if spec.duty == "test" else "answer",
            parent_id=parent_id,
            content=says.content,
            usage=Usage(requests=1, completion_tokens=10),
        )


@dataclass(kw_only=True)
class ScriptedChecks:
    """What passes is known beforehand; the unchanged commit never does."""

    passing: Sequence[str] = ("fix",)
    takes_s: float = 0.5
    error: FleetError | None = None
    base_error: Exception | None = None
    checked: list[str] = field(default_factory=list)
    tried: list[tuple[str, str]] = field(default_factory=list)
    """Proposed checks and what they were run on, in order."""

    async def check_base(self, task: Task, repo: RepoRef) -> CheckReport:
        self.checked.append(BASE_AGENT)
        await asyncio.sleep(self.takes_s)
        if self.base_error is not None:
            raise self.base_error
        return Story(task).report(BASE_AGENT, passed=False)

    async def check(self, task: Task, repo: RepoRef, proposal: Proposal) -> CheckReport:
        self.checked.append(proposal.proposal_id)
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        is_good = proposal.content in self.passing
        return Story(task).report(proposal.proposal_id, passed=is_good, content=proposal.content)

    async def try_checks(self, task: Task, repo: RepoRef, checks: Proposal, answer: Proposal | None) -> Trial:
        """One case: it passes on the answers that the proposed checks name, and never on the unchanged commit."""
        on = BASE_AGENT if answer is None else answer.proposal_id
        self.tried.append((checks.proposal_id, on))
        await asyncio.sleep(self.takes_s)
        if not checks.content.startswith("passes"):
            return Trial(on=on, status=CheckStatus.ERROR, note="no test file")
        is_good = answer is not None and answer.content in checks.content.split()[1:]
        verdict = CheckStatus.PASSED if is_good else CheckStatus.FAILED
        return Trial(
            on=on, status=verdict, cases={"test_shown.py::test_it": "passed" if is_good else "failed"}
        )


class OneFile:
    """A repository of one file."""

    def checkout(self, repo: RepoRef) -> AbstractAsyncContextManager[Path]:
        raise NotImplementedError

    async def pristine(self, repo: RepoRef) -> Path:
        raise NotImplementedError

    async def read(
        self, repo: RepoRef, *, hints: Sequence[str], max_bytes: int
    ) -> tuple[tuple[str, ...], tuple[SourceFile, ...]]:
        return ("levels.py",), (SourceFile(path="levels.py", text="def reorder_level(): ...\n"),)


@dataclass(kw_only=True)
class SmallFleet:
    record: Record
    agents: Agents
    checks: ScriptedChecks
    deliberate: DeliberateAsync
    cancel: CancelAsync
    clock: LoopClock

    def request(
        self, task: Task | None = None, *, deliberation_id: str = "d1", model: str = MODEL
    ) -> Requested:
        wanted = task or a_task()
        requested, _ = request_deliberation(
            wanted,
            deliberation_id=deliberation_id,
            models=[model],
            repo=REPO if wanted.repo else None,
            seed=7,
            now=self.clock.now(),
            max_tokens=100,
        )
        return requested

    async def events(self, deliberation_id: str = "d1") -> list[Event]:
        return list(await self.record.events.history(deliberation_id))

    async def types(self, deliberation_id: str = "d1") -> list[str]:
        return [event.type for event in await self.events(deliberation_id)]


@asynccontextmanager
async def small_fleet(
    script: Script | None = None,
    *,
    checks: ScriptedChecks | None = None,
    cells: CellRunner | None = None,
    wrap: Callable[[EventLog], EventLog] = lambda events: events,
    clock: LoopClock | None = None,
    record: Record | None = None,
) -> AsyncIterator[SmallFleet]:
    """``wrap`` puts something between the fleet and its log; the record is one in memory where none is given."""
    clock, agents = clock or LoopClock(), Agents(script=script or (lambda _: Says()))
    opening = open_in_memory_record() if record is None else nullcontext(record)
    async with opening as opened:
        events = wrap(opened.events)
        async with InProcessAgentPool.open(build_agent=agents.build, events=events, clock=clock) as pool:
            runner = checks or ScriptedChecks()
            deliberate = DeliberateAsync(
                agents=pool,
                checks=runner,
                cells=cells or InProcessCells(),
                workspaces=OneFile(),
                events=events,
                snapshots=opened.snapshots,
                reliability=opened.reliability,
                clock=clock,
            )
            yield SmallFleet(
                record=opened,
                agents=agents,
                checks=runner,
                deliberate=deliberate,
                cancel=CancelAsync(events=opened.events, queue=opened.commands, clock=clock),
                clock=clock,
            )
