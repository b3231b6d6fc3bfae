"""From the state of a deliberation to what the decision looks at."""

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.ranking.evidence import Evidence


def evidence_of(state: Deliberation, *, open_round: int | None = None) -> Evidence:
    """Only what counts: answers and reports named by the cut of a round.

    Args:
        state: a deliberation that was requested.
        open_round: also what is there of this round, as if it were cut now; for judging whether it may be.
    """
    proposals = state.included()
    reports = state.counted_reports()
    if open_round is not None and open_round not in state.rounds:
        proposals += state.answers(open_round)
        for proposal in state.answers(open_round):
            checked = state.reports.get(proposal.proposal_id)
            if checked is not None:
                reports[proposal.proposal_id] = checked.report
    request = state.requested
    return Evidence(
        task=state.task,
        council=state.council,
        proposals=tuple(proposals),
        base=state.base,
        reports=reports,
        critiques=state.all_critiques(),
        seed=0 if request is None else request.seed,
    )
