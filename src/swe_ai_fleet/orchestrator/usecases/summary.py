"""The one line that a list shows of a deliberation."""

from datetime import datetime

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.ports.record import Snapshot


def summarise(state: Deliberation, *, updated: datetime) -> Snapshot:
    """The snapshot of a deliberation that was requested."""
    request = state.requested
    if request is None:
        msg = "only a requested deliberation can be summarised"
        raise LookupError(msg)
    marks = (
        ("closed", state.closed),
        ("ranked", state.ranked),
        ("round_closed", state.rounds),
        ("started", state.started),
    )
    phase = next((name for name, reached in marks if reached), "requested")
    result = None if state.closed is None else state.closed.result
    return Snapshot(
        deliberation_id=request.deliberation_id,
        task_id=request.task_id,
        phase=phase,
        outcome=None if result is None else result.outcome,
        round=max(state.rounds, default=0),
        answered=len({p.agent_id for p in state.proposals.values()}),
        failed=len({agent for _, agent in state.failures}),
        num_agents=request.num_agents,
        tokens=state.usage().total_tokens,
        winner=result.winner.proposal_id if result is not None and result.winner is not None else None,
        updated=updated,
    )
