"""From the state of a deliberation to what the decision looks at."""

from collections.abc import Sequence
from typing import TypedDict

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.trials import trials_of
from swe_ai_fleet.orchestrator.usecases.gathering_async import plan_of
from swe_ai_fleet.ranking.canaries import CANARIES
from swe_ai_fleet.ranking.evidence import Behaviour, Claim, Evidence, Reproduction
from swe_ai_fleet.ranking.observing import TASK, behaviour_of, claims_of
from swe_ai_fleet.ranking.reproductions import reproductions_of


def evidence_of(state: Deliberation, *, open_round: int | None = None) -> Evidence:
    """Only what counts: answers, reports and proposed checks named by the cut of a round.

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
    checks = state.counted_checks()
    if open_round is not None:
        checks += [p for p in state.checks_tried(open_round) if p not in checks]
    is_function = state.task.entry_point is not None
    request = state.requested
    return Evidence(
        task=state.task,
        council=state.council,
        proposals=tuple(proposals),
        base=None if is_function else state.base,
        reports={} if is_function else reports,
        critiques=state.all_critiques(),
        ballots=state.ballots(),
        reliability={} if state.started is None else state.started.reliability,
        judges={} if state.started is None else state.started.judges,
        canaries=CANARIES,
        seed=0 if request is None else request.seed,
        reproductions=_reproductions(state, checks, proposals, open_round),
        **(_observed(state, checks, proposals) if is_function else {}),
    )


class _Observed(TypedDict, total=False):
    behaviours: dict[str, Behaviour]
    inputs: dict[str, float]
    claims: tuple[Claim, ...]


def _observed(state: Deliberation, checks: Sequence[Proposal], answers: Sequence[Proposal]) -> _Observed:
    """What the functions of these answers did, what each input is worth, and what the checks expect."""
    plan = plan_of(state, checks)
    weights = plan.weights({proposal.agent_id for proposal in checks})
    examples = {} if state.base is None else state.base.outputs
    live = {arguments: output for arguments, output in examples.items() if arguments in weights}
    claims = claims_of(TASK, live, is_given=True)
    for proposal in checks:
        claims += claims_of(proposal.agent_id, state.reports[proposal.proposal_id].report.outputs)
    seen = {p.proposal_id: state.reports[p.proposal_id] for p in answers if p.proposal_id in state.reports}
    return _Observed(
        behaviours={
            pid: behaviour_of(event.report.outputs, weights, text=state.task.description)
            for pid, event in seen.items()
        },
        inputs=weights,
        claims=tuple(claims),
    )


def _reproductions(
    state: Deliberation, checks: Sequence[Proposal], answers: Sequence[Proposal], open_round: int | None
) -> tuple[Reproduction, ...]:
    """Every proposed test of a repository, from its runs of all rounds that count."""
    ids = {proposal.proposal_id for proposal in answers}
    found: list[Reproduction] = []
    for proposal in checks:
        trials = trials_of(state, proposal.proposal_id, open_round=open_round)
        found += reproductions_of(proposal.proposal_id, proposal.agent_id, trials, ids)
    return tuple(found)
