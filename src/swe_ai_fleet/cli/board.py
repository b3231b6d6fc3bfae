"""What a watcher sees of a deliberation while it goes on: one row an agent, one line an event; no drawing here."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from swe_ai_fleet.domain import batches
from swe_ai_fleet.domain.check import CheckReport, CheckStatus
from swe_ai_fleet.domain.council import BASE_AGENT, AgentSpec
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import (
    AgentFailed,
    CancelRequested,
    Checked,
    Closed,
    Critiqued,
    Event,
    Learnt,
    Proposed,
    Ranked,
    Requested,
    Revised,
    RoundClosed,
    Started,
)
from swe_ai_fleet.domain.outcome import Cancelled, Crashed, Failure, Refused, TimedOut
from swe_ai_fleet.domain.proposal import Proposal, Usage
from swe_ai_fleet.report.printable import one_line

_DETAIL = 200

Mood = Literal["waiting", "busy", "good", "bad", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """One agent as it stands now."""

    agent_id: str
    model: str
    state: str
    mood: Mood
    detail: str
    tokens: int


def agent_rows(state: Deliberation) -> list[AgentRow]:
    """Every agent in the order of the council; empty before the deliberation was requested."""
    if state.requested is None:
        return []
    round_ = open_round(state)
    return [_row(state, agent, round_) for agent in state.council.agents]


def open_round(state: Deliberation) -> int:
    """The round that is under way; the last one where all are closed."""
    planned = state.task.council.rounds
    return next((r for r in range(planned + 1) if r not in state.rounds), planned)


def summary(state: Deliberation) -> str:
    """Where it stands, in a few words."""
    if state.requested is None:
        return "starting"
    if state.closed is not None:
        return f"closed: {state.closed.outcome.value}"
    if state.cancel_requested is not None:
        return "cancelling"
    if state.started is None:
        return "accepted"
    if state.needs_base and state.base is None:
        return "checking the unchanged commit"
    if state.ranked is not None:
        return "ranked"
    if open_round(state) in state.rounds:
        return "judging"
    return f"round {open_round(state)} of {state.task.council.rounds}"


def _row(state: Deliberation, agent: AgentSpec, round_: int) -> AgentRow:
    word, mood, detail = _standing(state, agent, round_)
    own = [p.usage for p in state.proposals.values() if p.agent_id == agent.agent_id]
    own += [e.usage for (_, who), e in state.critiques.items() if who == agent.agent_id]
    return AgentRow(
        agent_id=agent.agent_id,
        model=agent.model,
        state=word,
        mood=mood,
        detail=detail,
        tokens=sum(own, Usage()).total_tokens,
    )


def _standing(state: Deliberation, agent: AgentSpec, round_: int) -> tuple[str, Mood, str]:
    latest = _latest(state, agent)
    failed = state.failures.get((round_ if latest is not None else 0, agent.agent_id))
    if failed is not None and latest is None:
        return _failed(failed.failure)
    if latest is not None and (latest.round == round_ or not _is_open(state, round_)):
        return _answered(state, latest)
    if failed is not None:
        return _failed(failed.failure)
    if not _is_open(state, round_) or state.started is None or not _has_its_turn(state, agent):
        return ("waiting", "waiting", "")
    if round_ == 0:
        return ("searching" if agent.searches else "thinking", "busy", "")
    reviewed = (round_, agent.agent_id) in state.critiques
    return ("revising" if reviewed else "reviewing", "busy", "")


def _has_its_turn(state: Deliberation, agent: AgentSpec) -> bool:
    """Its batch has begun, or is the one that comes after those that have all spoken."""
    if agent.duty == "test" or state.task.council.batch is None:
        return True
    asked = batches.asked(state)
    is_over = all(state.settled(0, other) for other in asked)
    return agent in asked or (is_over and agent in batches.further(state))


def _is_open(state: Deliberation, round_: int) -> bool:
    return state.closed is None and state.ranked is None and round_ not in state.rounds


def _latest(state: Deliberation, agent: AgentSpec) -> Proposal | None:
    own = [p for p in state.proposals.values() if p.agent_id == agent.agent_id]
    return max(own, key=lambda p: p.round, default=None)


def _answered(state: Deliberation, proposal: Proposal) -> tuple[str, Mood, str]:
    word = "revised" if proposal.parent_id else "proposed"
    checked = state.reports.get(proposal.proposal_id) or state.tried.get((0, proposal.proposal_id))
    if checked is not None:
        passed = not checked.report.failures() and checked.report.applied
        mood: Mood = "good" if passed else "bad"
        return (word, mood, describe_report(checked.report))
    if state.requested is not None and state.requested.repo is not None and state.ranked is None:
        return (word, "busy", "checking")
    return (word, "done", "")


def _failed(failure: Failure) -> tuple[str, Mood, str]:
    return (failure.kind.replace("_", " "), "bad", describe_failure(failure))


def describe_failure(failure: Failure) -> str:
    """Why an agent has no answer, in one line."""
    match failure:
        case TimedOut():
            return f"no answer within {failure.after_s:g} s"
        case Crashed():
            return one_line(failure.reason, _DETAIL)
        case Refused():
            return one_line(failure.reason, _DETAIL)
        case Cancelled():
            return one_line(failure.reason, _DETAIL)
        case _:
            assert_never(failure)


def describe_report(report: CheckReport) -> str:
    """What the sandbox saw of one proposal, in one line."""
    if report.trials is not None or report.outputs:
        return one_line(_describe_trials(report), _DETAIL)
    if not report.applied:
        return one_line(f"does not apply: {report.reason}", _DETAIL)
    if report.protected_touched:
        return one_line(f"touches protected {', '.join(report.protected_touched)}", _DETAIL)
    if not report.parses:
        return "is not valid syntax"
    cases = Counter(verdict for result in report.results for verdict in result.cases.values())
    total = cases["passed"] + cases["failed"]
    if total:
        passed = f"{cases['passed']} of {total} cases pass"
        unnamed = [r.name for r in report.results if r.status is not CheckStatus.PASSED and not r.cases]
        return one_line(", ".join([passed, *(f"{name} fails" for name in unnamed)]), _DETAIL)
    return f"{report.count(CheckStatus.PASSED)} of {len(report.results)} checks pass"


def _describe_trials(report: CheckReport) -> str:
    if report.trials is None:
        return f"known on {_count(len(report.outputs), 'input')}"
    if not report.applied:
        return f"cannot be run: {report.reason}"
    answers = [trial for trial in report.trials if trial.on != BASE_AGENT]
    return (
        f"tried on {_count(len(answers), 'answer')}" if answers else "nothing fails on the unchanged commit"
    )


def describe(event: Event) -> str:
    """What happened, in one line of plain text."""
    return one_line(_describe(event), _DETAIL)


def _describe(event: Event) -> str:
    match event:
        case Requested():
            return f"requested: {_council(event)}"
        case Started():
            return "; ".join(["started", *event.notes])
        case Proposed() | Revised():
            tokens = event.proposal.usage.total_tokens
            return f"{event.agent_id} {event.type}" + (f" ({tokens:,} tokens)" if tokens else "")
        case Critiqued():
            return f"{event.agent_id} {_describe_remarks(event)}"
        case Checked():
            base = "task's examples" if event.report.outputs else "unchanged commit"
            who = base if event.agent_id == BASE_AGENT else event.report.proposal_id
            return f"{who} checked: {describe_report(event.report)}"
        case AgentFailed() | Learnt():
            return f"{event.agent_id} {_describe_course(event)}"
        case RoundClosed() | Ranked() | CancelRequested() | Closed():
            return _describe_phase(event)
        case _:
            assert_never(event)


def _describe_remarks(event: Critiqued) -> str:
    if event.ballots:
        return f"judged: {_count(len(event.ballots), 'verdict')}"
    counts = Counter(critique.verdict for critique in event.critiques)
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return f"reviewed {len(event.critiques)}: {said}"


def _describe_course(event: AgentFailed | Learnt) -> str:
    if isinstance(event, AgentFailed):
        return f"{event.failure.kind.replace('_', ' ')}: {describe_failure(event.failure)}"
    return f"tried {event.lesson.tried:,} edits and shared {len(event.lesson.promising)}"


def _describe_phase(event: RoundClosed | Ranked | CancelRequested | Closed) -> str:
    match event:
        case RoundClosed():
            if not event.included and event.heard:
                return f"judging closed ({event.reason}): heard {_count(len(event.heard), 'judge')}"
            missing = f", without {', '.join(event.missing)}" if event.missing else ""
            counted = _count(len(event.included), "proposal")
            return f"round {event.round} closed ({event.reason}): {counted}{missing}"
        case Ranked():
            places = event.ranking.ranking
            return f"ranked {len(places)}" + (f", {places[0].proposal_id} first" if places else "")
        case CancelRequested():
            return f"cancel requested: {event.reason}"
        case Closed():
            return f"closed: {event.outcome.value} after {event.result.duration_s:.1f} s"
        case _:
            assert_never(event)


def _council(event: Requested) -> str:
    models = Counter(agent.model for agent in event.council.agents)
    dealt = ", ".join(f"{count} x {model}" for model, count in models.items())
    agents = _count(len(event.council.agents), "agent")
    return f"{agents} ({dealt}), quorum {event.council.quorum}, seed {event.seed}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def shown_rows(rows: Sequence[AgentRow], *, most: int) -> tuple[list[AgentRow], str]:
    """The rows that fit, busy ones and answers before the others, and a line for those left out."""
    if len(rows) <= most:
        return list(rows), ""
    weight = {"good": 0, "busy": 1, "bad": 2, "done": 0, "waiting": 3}
    kept = sorted(range(len(rows)), key=lambda index: (weight[rows[index].mood], index))[: most - 1]
    rest = Counter(row.state for index, row in enumerate(rows) if index not in set(kept))
    counted = ", ".join(f"{count} {state}" for state, count in rest.most_common())
    return [rows[index] for index in sorted(kept)], f"and {sum(rest.values())} more: {counted}"
