"""The published result, computed from events alone: live and afterwards it is the same."""

from collections.abc import Iterable
from datetime import datetime

from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.domain.outcome import Crashed, DeliberationOutcome
from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.domain.quorum import has_quorum
from swe_ai_fleet.domain.ranking import AgentReport, Ranking, Result, Saved, Winner
from swe_ai_fleet.errors import RecordNotFoundError
from swe_ai_fleet.orchestrator.usecases.enough import tokens_of
from swe_ai_fleet.orchestrator.usecases.evidence import evidence_of
from swe_ai_fleet.ranking.decide import decide


def rebuild(events: Iterable[Event]) -> Result:
    """The result that these events amount to, ranked anew. The order and duplication of events do not matter.

    An open deliberation gives what is known so far: undecided, with its phase as the reason.

    Raises:
        RecordNotFoundError: no ``requested`` is among the events.
    """
    ordered = sorted(events, key=lambda event: event.time)
    state = Deliberation.of(ordered)
    if state.requested is None:
        raise RecordNotFoundError(
            "there is no such deliberation on the record; `swe-fleet list` shows what is"
        )
    if state.closed is None:
        reason = f"still open: {len(state.proposals)} proposals, {len(state.rounds)} rounds closed"
        return _assemble(
            state, _ranking(state), DeliberationOutcome.UNDECIDED, reason, ordered[-1].time, is_partial=True
        )
    if state.ranked is None:
        return state.closed.result
    ranking = _ranking(state)
    result = build_result(state, ranking, closed_at=state.closed.time)
    if ranking != state.ranked.ranking:
        note = "the recorded ranking was made by another version of the decision and differs from this one"
        result = result.model_copy(update={"notes": (*result.notes, note)})
    return result


def build_result(state: Deliberation, ranking: Ranking | None, *, closed_at: datetime) -> Result:
    """How the deliberation ends if it ends now; ``ranking`` is None where it never came so far."""
    outcome, reason = _conclude(state, ranking)
    return _assemble(state, ranking or Ranking(), outcome, reason, closed_at, is_partial=_is_partial(state))


def failed_result(state: Deliberation, reason: str, *, closed_at: datetime) -> Result:
    """The result of a deliberation that could not run, with the reason."""
    return _assemble(state, Ranking(), DeliberationOutcome.FAILED, reason, closed_at, is_partial=False)


def _ranking(state: Deliberation) -> Ranking:
    return decide(evidence_of(state)) if state.rounds else Ranking()


def _conclude(state: Deliberation, ranking: Ranking | None) -> tuple[DeliberationOutcome, str]:
    if ranking is None:
        if state.cancel_requested is not None:
            return DeliberationOutcome.CANCELLED, state.cancel_requested.reason or "cancelled"
        return DeliberationOutcome.FAILED, "the deadline passed before the unchanged commit had been checked"
    if not ranking.ranking:
        refusals = sorted({f.failure.reason for f in state.failures.values() if f.failure.kind == "refused"})
        if refusals and len(state.failures) == len(state.council.agents):
            return DeliberationOutcome.FAILED, f"every agent refused: {refusals[0]}"
        return DeliberationOutcome.UNDECIDED, "no agent answered; `agents` says why"
    if not has_quorum(state):
        return DeliberationOutcome.UNDECIDED, f"fewer than {state.council.quorum} agents answered: no quorum"
    if ranking.abstained:
        return DeliberationOutcome.UNDECIDED, ranking.reason
    return DeliberationOutcome.DECIDED, ranking.reason


def _is_partial(state: Deliberation) -> bool:
    """Somebody whose answer was wanted is missing; a judge that is missing leaves all answers there."""
    rounds, last = state.rounds, state.judging_round
    lost = any(
        event.failure.kind in ("timed_out", "crashed")
        for (number, _), event in state.failures.items()
        if number < last
    )
    return lost or any(cut.reason == "deadline" for number, cut in rounds.items() if number < last)


def _assemble(
    state: Deliberation,
    ranking: Ranking,
    outcome: DeliberationOutcome,
    reason: str,
    closed_at: datetime,
    *,
    is_partial: bool,
) -> Result:
    request = state.requested
    if request is None:
        raise RecordNotFoundError("the deliberation was never requested")
    began = state.started.time if state.started is not None else request.time
    notes = list(state.started.notes) if state.started is not None else []
    notes += [f"{t.tier}: {t.note}" for t in ranking.tiers if t.note and (t.fell_back or t.tier == "judging")]
    notes += _judging_notes(state)
    return Result(
        deliberation_id=request.deliberation_id,
        task_id=request.task_id,
        outcome=outcome,
        partial=is_partial,
        reason=reason,
        seed=request.seed,
        duration_s=round((closed_at - began).total_seconds(), 3),
        winner=_winner(state, ranking) if outcome is DeliberationOutcome.DECIDED else None,
        ranking=ranking.ranking,
        tiers=ranking.tiers,
        margin=ranking.margin,
        dissent=ranking.dissent,
        abstained=ranking.abstained,
        agents=tuple(_agent_report(state, agent) for agent in state.council.agents),
        usage=state.usage(),
        saved=_saved(state),
        notes=tuple(notes),
    )


def _saved(state: Deliberation) -> Saved | None:
    cut = state.rounds.get(0)
    if cut is None or not cut.left_out:
        return None
    agents = len(cut.left_out)
    return Saved(agents=agents, tokens=tokens_of(state, agents))


def _judging_notes(state: Deliberation) -> list[str]:
    """What was wanted of judges and did not come."""
    round_ = state.judging_round
    cut = state.rounds.get(round_)
    if cut is not None and cut.reason == "budget":
        return ["judging: the token budget does not hold a single judge of each pair, so nobody was asked"]
    silent = sorted(agent for number, agent in state.failures if number == round_)
    return [f"judging: {', '.join(silent)} gave no verdict"] if silent else []


def _winner(state: Deliberation, ranking: Ranking) -> Winner:
    first = ranking.ranking[0]
    report = state.counted_reports().get(first.proposal_id)
    return Winner(
        proposal_id=first.proposal_id,
        agent_id=first.agent_id,
        role=first.role,
        model=first.model,
        content=state.proposals[first.proposal_id].content,
        patch=None if report is None else report.patch,
    )


def _agent_report(state: Deliberation, agent: AgentSpec) -> AgentReport:
    own = sorted((p for p in state.proposals.values() if p.agent_id == agent.agent_id), key=lambda p: p.round)
    failures = [state.failures[key] for key in sorted(state.failures) if key[1] == agent.agent_id]
    asked = [failed for failed in failures if failed.round < state.judging_round]
    paid = [p.usage for p in own]
    paid += [event.failure.usage for event in failures if isinstance(event.failure, Crashed)]
    paid += [event.usage for (_, who), event in state.critiques.items() if who == agent.agent_id]
    cut = state.rounds.get(0)
    outcome, reason, attempts = "cancelled", "the deliberation ended before it answered", 1
    if cut is not None and agent.agent_id in cut.left_out:
        outcome, reason = "not_asked", "the decision needed no further answer"
    if own:
        outcome, reason = "answered", ""
    elif asked:
        failure = asked[-1].failure
        outcome, reason = failure.kind, getattr(failure, "reason", "")
        attempts = getattr(failure, "attempts", 1)
    model = own[-1].model if own else agent.model
    return AgentReport(
        agent_id=agent.agent_id,
        role=agent.role,
        model=model,
        outcome=outcome,
        reason=reason,
        attempts=attempts,
        usage=Usage.total(paid),
    )
