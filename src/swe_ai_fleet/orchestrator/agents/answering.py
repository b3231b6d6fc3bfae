"""One assignment carried out: the agent works, its answer is acknowledged on the record, the ending is a value."""

import asyncio
from contextlib import suppress
from typing import TypedDict

import structlog

from swe_ai_fleet.domain.brief import Assignment, CritiqueStep, JudgeStep, ProposeStep, ReviseStep
from swe_ai_fleet.domain.events import AgentFailed, Critiqued, Event, Proposed, Revised
from swe_ai_fleet.domain.outcome import Answered, Crashed, Failure, Outcome, Refused, Reviewed, TimedOut
from swe_ai_fleet.errors import (
    AgentRefusedError,
    FleetError,
    InputError,
    ModelError,
    ModelTimeoutError,
    RecordError,
    SandboxUnavailableError,
)
from swe_ai_fleet.orchestrator.agents.parsing import cost_of
from swe_ai_fleet.orchestrator.agents.recorded_findings import RecordedFindings
from swe_ai_fleet.ports.agents import Agent
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.findings import Findings
from swe_ai_fleet.ports.record import EventLog
from swe_ai_fleet.tracing import names
from swe_ai_fleet.tracing.spans import current_span

_PARTING_S = 0.5
"""How long a cancelled call may go on, only to record what it has been paid for already."""

_log = structlog.get_logger(__name__)


class _Author(TypedDict):
    deliberation_id: str
    task_id: str
    num_agents: int
    round: int
    attempt: int
    agent_id: str
    role: str
    traceparent: str | None


async def answer(agent: Agent, assignment: Assignment, *, events: EventLog, clock: Clock) -> Outcome:
    """Carry out the assignment, at the latest until its deadline, and put what came of it on the record.

    When this returns, ``proposed``, ``critiqued``, ``revised`` or ``agent_failed`` is acknowledged. Where the record
    held an answer of the same key already, that one is returned; a repeated attempt looks there before it pays.
    Cancellation passes through once the agent has given its connections back; an answer that was complete by then is
    recorded all the same.

    Raises:
        RecordError: what came of it could not be recorded.
    """
    if assignment.attempt > 1 and (recorded := await recorded_outcome(assignment, events)) is not None:
        return recorded
    findings = RecordedFindings(assignment, events=events, clock=clock)
    outcome = await _work(agent, assignment, findings, clock)
    current_span().set({names.OUTCOME: outcome.kind})
    if isinstance(outcome, Crashed):
        current_span().fail(outcome.error, outcome.reason)
    return await record_outcome(assignment, outcome, events=events, clock=clock)


async def record_outcome(
    assignment: Assignment, outcome: Outcome, *, events: EventLog, clock: Clock
) -> Outcome:
    """Put an ending on the record; returns the one that counts, which is the first of its key.

    Raises:
        RecordError: it could not be recorded.
    """
    event = _event_of(assignment, outcome, clock)
    try:
        acknowledgement = await events.publish(event)
    except asyncio.CancelledError:
        with suppress(RecordError, TimeoutError):
            async with asyncio.timeout(_PARTING_S):
                await events.publish(event)  # again, which does no harm: it is stored once
        raise
    if not acknowledgement.duplicate:
        return outcome
    return await recorded_outcome(assignment, events) or outcome


async def recorded_outcome(assignment: Assignment, events: EventLog) -> Outcome | None:
    """How this assignment ended according to the record; None where it holds no answer and no failure of it.

    Raises:
        RecordUnavailableError: the record does not answer.
    """
    failed: Outcome | None = None
    for event in await events.history(assignment.deliberation_id):
        if event.round != assignment.round or getattr(event, "agent_id", None) != assignment.agent.agent_id:
            continue
        match event:
            case Proposed() | Revised() if assignment.step.kind in ("propose", "revise"):
                return Answered(proposal=event.proposal)
            case Critiqued() if assignment.step.kind in ("critique", "judge"):
                return Reviewed(critiques=event.critiques, ballots=event.ballots, usage=event.usage)
            case AgentFailed():
                failed = failed or event.failure
            case _:
                pass
    return failed


async def _work(agent: Agent, assignment: Assignment, findings: Findings, clock: Clock) -> Outcome:
    """What the agent makes of it; nothing is raised but cancellation."""
    left_s = (assignment.deadline - clock.now()).total_seconds()
    if left_s <= 0:
        return TimedOut(after_s=0.0, attempts=assignment.attempt)
    limit = asyncio.timeout(left_s)
    try:
        async with limit:
            return await _carry_out(agent, assignment, findings)
    except Exception as error:  # noqa: BLE001 - an agent is a plug-in; its defect must not end the council
        late = isinstance(error, ModelTimeoutError) and clock.now() >= assignment.deadline
        if late or limit.expired():
            return TimedOut(after_s=round(left_s, 3), attempts=getattr(error, "attempts", assignment.attempt))
        return failure_of(error, assignment)


async def _carry_out(agent: Agent, assignment: Assignment, findings: Findings) -> Outcome:
    match assignment.step:
        case ProposeStep() as step:
            return Answered(proposal=await agent.propose(assignment, step, findings))
        case CritiqueStep() as step:
            return await agent.critique(assignment, step)
        case JudgeStep() as step:
            return await agent.judge(assignment, step)
        case ReviseStep() as step:
            return Answered(proposal=await agent.revise(assignment, step))


def failure_of(error: Exception, assignment: Assignment) -> Failure:
    """The ending that an error stands for.

    What could never have worked is a refusal; a failed model call keeps its kind; what nobody raised on purpose is
    of kind "defect", and its traceback is logged.
    """
    match error:
        case AgentRefusedError() | SandboxUnavailableError() | InputError():
            return Refused(reason=str(error))
        case ModelError():
            paid = cost_of(error)
            return Crashed(reason=str(error), error=error.kind, attempts=error.attempts, usage=paid)
        case FleetError():
            kind = type(error).__name__.removesuffix("Error").lower()
            return Crashed(reason=str(error), error=kind, attempts=assignment.attempt)
    _log.error(
        "agent.defect_found",
        deliberation=assignment.deliberation_id,
        agent=assignment.agent.agent_id,
        exc_info=error,
    )
    return Crashed(reason=f"{type(error).__name__}: {error}", error="defect", attempts=assignment.attempt)


def _event_of(assignment: Assignment, outcome: Outcome, clock: Clock) -> Event:
    spec = assignment.agent
    author = _Author(
        deliberation_id=assignment.deliberation_id,
        task_id=assignment.task_id,
        num_agents=assignment.num_agents,
        round=assignment.round,
        attempt=assignment.attempt,
        agent_id=spec.agent_id,
        role=spec.role,
        traceparent=assignment.traceparent,
    )
    now = clock.now()
    match outcome:
        case Answered(proposal=proposal) if assignment.step.kind == "propose":
            return Proposed(proposal=proposal, model=proposal.model, time=now, **author)
        case Answered(proposal=proposal):
            return Revised(proposal=proposal, model=proposal.model, time=now, **author)
        case Reviewed():
            return Critiqued(
                critiques=outcome.critiques,
                ballots=outcome.ballots,
                usage=outcome.usage,
                model=spec.model,
                time=now,
                **author,
            )
        case _:
            return AgentFailed(failure=outcome, model=spec.model, time=now, **author)
