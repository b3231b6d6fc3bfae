"""Carrying out one step of a deliberation: ask, check, cut, rank, close; each ends in events on the record."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict, assert_never

from swe_ai_fleet.domain import batches
from swe_ai_fleet.domain.brief import Brief
from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.council import BASE_AGENT, AgentSpec
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import (
    AgentFailed,
    Checked,
    Closed,
    Event,
    Ranked,
    Requested,
    RoundClosed,
    Started,
)
from swe_ai_fleet.domain.outcome import Cancelled, Failure, TimedOut
from swe_ai_fleet.domain.reliability import task_class_of
from swe_ai_fleet.domain.steps import (
    Ask,
    CheckBase,
    CheckProposal,
    Close,
    CloseRound,
    NextStep,
    Rank,
    RunMatrix,
    Start,
    TryChecks,
)
from swe_ai_fleet.errors import FleetError, RecordError
from swe_ai_fleet.orchestrator.usecases.briefing import write_assignment, write_brief
from swe_ai_fleet.orchestrator.usecases.evidence import evidence_of
from swe_ai_fleet.orchestrator.usecases.gathering_async import observe, try_checks
from swe_ai_fleet.orchestrator.usecases.hearing import judges_of, plan_hearing
from swe_ai_fleet.orchestrator.usecases.result import build_result, failed_result
from swe_ai_fleet.orchestrator.usecases.stopwatch import Stopwatch
from swe_ai_fleet.ports.agents import AgentPool
from swe_ai_fleet.ports.cells import CellRunner
from swe_ai_fleet.ports.checks import CheckRunner, Workspaces
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.record import Published
from swe_ai_fleet.ports.reliability import ReliabilityBooks
from swe_ai_fleet.ranking.decide import decide
from swe_ai_fleet.ranking.hearings import Hearing
from swe_ai_fleet.ranking.reliability import Weights, weights_of
from swe_ai_fleet.tracing import names
from swe_ai_fleet.tracing.assignments import asking, within
from swe_ai_fleet.tracing.checks import checking, told_of
from swe_ai_fleet.tracing.spans import current_span, span

Publish = Callable[[Event], Awaitable[Published]]
"""Puts an event on the record; returns when it is acknowledged."""


class _Common(TypedDict):
    deliberation_id: str
    task_id: str
    num_agents: int
    time: datetime
    traceparent: str | None


@dataclass(slots=True, kw_only=True)
class Steps:
    """The steps of one deliberation, carried out in this process."""

    agents: AgentPool
    checks: CheckRunner
    cells: CellRunner
    workspaces: Workspaces
    reliability: ReliabilityBooks
    publish: Publish
    clock: Clock
    max_tokens: int
    notes: tuple[str, ...]
    state: Deliberation
    watch: Stopwatch
    _brief: Brief | None = None
    _briefing: asyncio.Lock = field(default_factory=asyncio.Lock)
    _hearing: tuple[Hearing | None] | None = None
    _asked_here: set[str] = field(default_factory=set)
    """Agents that were asked to propose, whether or not the record tells of it already."""

    async def carry_out(self, step: NextStep) -> None:  # noqa: C901  # one case a kind of step
        """Do it; when this returns, what came of it is acknowledged on the record.

        Raises:
            FleetError: it cannot be done, now or ever; nothing else escapes but cancellation.
        """
        match step:
            case Start():
                await self._start()
            case CheckBase():
                await self._check_base()
            case Ask():
                await self._ask(step)
            case CheckProposal():
                await self._check(step.proposal_id)
            case TryChecks():
                await self._try(step)
            case RunMatrix():
                await self._run_matrix(step.round)
            case CloseRound():
                await self._close_round(step)
            case Rank():
                with span("rank"):
                    ranking = decide(evidence_of(self.state))
                rounds = self.state.task.council.rounds
                await self.publish(Ranked(ranking=ranking, round=rounds, **self._common()))
            case Close():
                await self._close()
            case _:
                assert_never(step)

    def hearing(self) -> Hearing | None:
        """What judges are asked after the last round; planned once."""
        if self._hearing is None:
            self._hearing = (plan_hearing(self.state),)
        return self._hearing[0]

    async def fail(self, error: FleetError) -> None:
        """Close as failed, with the error's own words as the reason."""
        common = self._common()
        result = failed_result(self.state, str(error), closed_at=common["time"])
        await self.publish(Closed(outcome=result.outcome, result=result, **common))

    async def _start(self) -> None:
        """The vote weights go on the record, so that the decision follows from it; none where they cannot be read."""
        weights = Weights()
        with suppress(RecordError):
            book = await self.reliability.get(task_class_of(self.state.task))
            weights = weights_of(self.state.council, book, at=self.clock.now())
        await self.publish(
            Started(
                notes=self.notes,
                reliability=dict(weights.agents),
                judges=dict(weights.judges),
                **self._common(),
            )
        )

    async def _close(self) -> None:
        common = self._common()
        ranking = None if self.state.ranked is None else self.state.ranked.ranking
        result = build_result(self.state, ranking, closed_at=common["time"])
        await self.publish(Closed(outcome=result.outcome, result=result, **common))

    async def _check_base(self) -> None:
        request = self._request()
        if request.repo is not None:
            with checking(BASE_AGENT) as work:
                report = await self.checks.check_base(request.task, request.repo)
                work.set(told_of(report))
            await self._publish_report(report, BASE_AGENT, "", "", 0)

    async def _ask(self, ask: Ask) -> None:
        if ask.step == "propose":
            self._asked_here.add(ask.agent.agent_id)
        brief = self._brief or await self._write_brief()
        hearing = self.hearing() if ask.step == "judge" else None
        deadline = self.watch.moment(ask.until_s)
        assignment = write_assignment(
            self.state, ask, brief, deadline=deadline, max_tokens=self.max_tokens, hearing=hearing
        )
        try:
            with asking(assignment) as work:
                outcome = await self.agents.ask(within(work, assignment))
                work.set({names.OUTCOME: outcome.kind})
        except TimeoutError:
            await self._publish_failure(ask.agent, ask.round, TimedOut(after_s=ask.until_s))

    async def _write_brief(self) -> Brief:
        """Once, whoever asks first."""
        async with self._briefing:
            if self._brief is None:
                self._brief = await write_brief(self.state, self.workspaces)
        return self._brief

    async def _check(self, proposal_id: str) -> None:
        proposal, request = self.state.proposals[proposal_id], self._request()
        if request.repo is None:
            return
        with checking(proposal_id) as work:
            report = await self.checks.check(self.state.task, request.repo, proposal)
            work.set(told_of(report))
        await self._publish_report(report, proposal.agent_id, proposal.role, proposal.model, proposal.round)

    async def _try(self, step: TryChecks) -> None:
        checks, request = self.state.proposals[step.proposal_id], self._request()
        answers = [
            p for p in self.state.answers(step.round) if self.state.reports[p.proposal_id].report.applied
        ]
        if request.repo is not None:
            report = await try_checks(self.checks, request.task, request.repo, checks, answers)
            await self._publish_report(report, checks.agent_id, checks.role, checks.model, step.round)

    async def _run_matrix(self, round_: int) -> None:
        async with aclosing(observe(self.cells, self.state, round_)) as rows:
            async for row in rows:
                author = row.proposal
                if author is None:
                    await self._publish_report(row.report, BASE_AGENT, "", "", 0)
                else:
                    await self._publish_report(
                        row.report, author.agent_id, author.role, author.model, author.round
                    )

    async def _close_round(self, step: CloseRound) -> None:
        answers = self.state.answers(step.round)
        checked = tuple(p.proposal_id for p in answers if p.proposal_id in self.state.reports)
        missing = [a for a in self._asked(step.round) if not self._has_spoken(step.round, a)]
        for agent in missing if step.reason in ("safe", "deadline") else ():
            await self._publish_failure(agent, step.round, _why_missing(step, self.state))
        await self.publish(
            RoundClosed(
                round=step.round,
                included=tuple(p.proposal_id for p in answers),
                checked=checked,
                tried=tuple(p.proposal_id for p in self.state.checks_tried(step.round)),
                missing=tuple(sorted(agent.agent_id for agent in missing)),
                left_out=self._left_out(step.round),
                heard=tuple(sorted(who for number, who in self.state.critiques if number == step.round)),
                reason=step.reason,
                **self._common(),
            )
        )

    def _asked(self, round_: int) -> list[AgentSpec]:
        """Everybody proposes in round 0; who has an answer takes part in the later ones, and judges after them."""
        if round_ == self.state.judging_round:
            return list(judges_of(self.state, self.hearing()) or ())
        council = self.state.council
        left_out = self._left_out(round_)
        if round_ == 0:
            return [agent for agent in council.agents if agent.agent_id not in left_out]
        return [a for a in council.proposers if self.state.latest(a)]

    def _left_out(self, round_: int) -> tuple[str, ...]:
        """Ids of the agents that nobody has asked."""
        unasked = {agent.agent_id for agent in batches.left_out(self.state)} if round_ == 0 else set()
        return tuple(sorted(unasked - self._asked_here))

    def _has_spoken(self, round_: int, agent: AgentSpec) -> bool:
        return self.state.settled(round_, agent) or (round_, agent.agent_id) in self.state.critiques

    async def _publish_failure(self, agent: AgentSpec, round_: int, failure: Failure) -> None:
        await self.publish(
            AgentFailed(
                agent_id=agent.agent_id,
                role=agent.role,
                model=agent.model,
                round=round_,
                failure=failure,
                **self._common(),
            )
        )

    async def _publish_report(
        self, report: CheckReport, agent_id: str, role: str, model: str, round_: int
    ) -> None:
        await self.publish(
            Checked(agent_id=agent_id, role=role, model=model, round=round_, report=report, **self._common())
        )

    def _request(self) -> Requested:
        if self.state.requested is None:
            msg = "a step needs a requested deliberation"
            raise LookupError(msg)
        return self.state.requested

    def _common(self) -> _Common:
        request = self._request()
        return _Common(
            deliberation_id=request.deliberation_id,
            task_id=request.task_id,
            num_agents=request.num_agents,
            time=self.clock.now(),
            traceparent=current_span().traceparent or request.traceparent,
        )


def _why_missing(step: CloseRound, state: Deliberation) -> Failure:
    if step.reason == "deadline":
        return TimedOut(after_s=state.task.budget.seconds)
    return Cancelled(reason="the decision was safe without this answer")
