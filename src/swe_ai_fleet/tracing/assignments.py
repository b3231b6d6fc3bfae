"""The spans of one assignment: asked for in one process, carried out in another."""

from contextlib import AbstractContextManager

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.tracing import names
from swe_ai_fleet.tracing.spans import Attributes, Span, span


def asking(assignment: Assignment) -> AbstractContextManager[Span]:
    """Where it is asked for: the turn in the line, the way there and back, and the work."""
    return span(f"ask {assignment.step.kind}", kind="client", attributes=_told_of(assignment))


def invocation(assignment: Assignment) -> AbstractContextManager[Span]:
    """Where it is carried out."""
    agent = assignment.agent
    attributes = {
        **_told_of(assignment),
        names.OPERATION: names.INVOKE_AGENT,
        names.AGENT_NAME: agent.role,
        names.REQUEST_MODEL: agent.model,
        names.ATTEMPT: assignment.attempt,
    }
    parent = assignment.traceparent
    return span(f"{names.INVOKE_AGENT} {agent.role}", kind="server", parent=parent, attributes=attributes)


def within(work: Span, assignment: Assignment) -> Assignment:
    """The assignment as a part of that span, wherever it goes from here."""
    if work.traceparent is None:
        return assignment
    return assignment.model_copy(update={"traceparent": work.traceparent})


def _told_of(assignment: Assignment) -> Attributes:
    return {
        names.CONVERSATION: assignment.deliberation_id,
        names.AGENT_ID: assignment.agent.agent_id,
        names.ROUND: assignment.round,
        names.STEP: assignment.step.kind,
    }
