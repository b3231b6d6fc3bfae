"""Whether a council has said enough: nobody else needs to be waited for, or asked."""

from swe_ai_fleet.domain import batches
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.quorum import has_quorum
from swe_ai_fleet.domain.steps import CutReason
from swe_ai_fleet.orchestrator.usecases.evidence import evidence_of
from swe_ai_fleet.ranking.decide import pays_to_ask, safe_to_stop


def is_safe(state: Deliberation, moving: int = 0) -> bool:
    """The answers that are still out in the open round would not change the decision.

    So many of those that have answered may still answer otherwise: each could leave the leader for the runner-up.
    """
    open_round = next((r for r in range(state.judging_round) if r not in state.rounds), None)
    expected = len(state.council.proposers)
    if open_round != 0:
        expected -= len(batches.left_out(state))
    return safe_to_stop(evidence_of(state, open_round=open_round), expected=expected + 2 * moving)


def why_enough(state: Deliberation) -> CutReason | None:
    """Why no further batch of agents should be asked in round 0, or None."""
    further = batches.further(state)
    if has_quorum(state):
        if is_safe(state):
            return "safe"
        expected = len(state.council.proposers)
        if not pays_to_ask(evidence_of(state, open_round=0), expected=expected, batch=len(further)):
            return "gain"
    limit = state.task.budget.tokens
    is_too_dear = limit is not None and state.usage().total_tokens + tokens_of(state, len(further)) > limit
    return "budget" if is_too_dear else None


def tokens_of(state: Deliberation, agents: int) -> int:
    """What so many further agents would cost in round 0, about: as much as those that answered there, on average."""
    paid = [p.usage.total_tokens for p in state.proposals.values() if p.kind == "answer" and p.round == 0]
    return round(agents * sum(paid) / len(paid)) if paid else 0
