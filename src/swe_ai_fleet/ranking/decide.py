"""The decision: evidence first, agreement second, opinion last; lexicographic between tiers.

Where the task has code, the gates compare first, then agreement of what was executed, then the number of
copies. Where nothing can be executed, what peers think comes first and copies after it, so that copying gains
nothing. What is still tied goes by the author's reliability, the model's confidence, a search's own prior,
the peers' judgement, the cost and a stable hash. The same evidence in any order gives the same ranking, byte
for byte.
"""

from functools import partial

from swe_ai_fleet.domain.check import CheckReport, CheckStatus
from swe_ai_fleet.domain.ranking import CheckCounts, RankedProposal, Ranking, TierVerdict
from swe_ai_fleet.ranking.calibration import p_function_correct, p_patch_correct, p_text_good
from swe_ai_fleet.ranking.candidates import Candidate
from swe_ai_fleet.ranking.duels import challenger_wins, duel_of
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.gates import demerits
from swe_ai_fleet.ranking.judgements import judging_tier
from swe_ai_fleet.ranking.races import race_of
from swe_ai_fleet.ranking.standing import Standing, standing_of
from swe_ai_fleet.ranking.stopping import (
    LEAST_GAIN,
    LEAST_GAIN_OF_RACE,
    POSTERIOR_NEEDED,
    cannot_change,
    is_worth_asking,
    p_leader_leads,
    p_overtaken,
)
from swe_ai_fleet.ranking.telling import executed_tiers
from swe_ai_fleet.ranking.wording import complaint, dissent_of, is_verified, praise, repairs_nothing

_NOT_CHECKED = CheckCounts()


def decide(evidence: Evidence) -> Ranking:
    """Rank the answers, best first, and say why; abstain where nothing earned the decision.

    Never raises for what agents brought: unknown ids are ignored, numbers that are none count as unknown.
    """
    standing = _after_duel(standing_of(evidence), evidence)
    if not standing.candidates:
        return Ranking(abstained=True, reason="There is no answer to rank.")
    p_correct = {c.id: _p_correct(c, standing, evidence) for c in standing.candidates}
    ranked = tuple(
        _place(place, candidate, standing, p_correct[candidate.id])
        for place, candidate in enumerate(standing.candidates, start=1)
    )
    winner = standing.candidates[0]
    against = complaint(winner, p_correct[winner.id], standing, evidence)
    return Ranking(
        ranking=ranked,
        clusters=tuple(tuple(c.id for c in cluster) for cluster in standing.clusters),
        tiers=(*standing.tiers, *executed_tiers(standing, evidence), *_judging_tiers(standing, evidence)),
        margin=standing.margin,
        dissent=dissent_of(standing),
        abstained=bool(against),
        reason=against or praise(winner, standing, evidence),
    )


def safe_to_stop(evidence: Evidence, *, expected: int) -> bool:
    """Whether the answers that are still out would not change the decision.

    It never is while a gate speaks against the leader: the next answer may pass them all.
    A council of searching agents is safe once the leader repairs everything that failed and every answer that is
    there has its report: its answers are verified, not voted on. Any other is safe when the votes still out cannot
    change the leading cluster, or when the posterior that it leads is at least 0.95 (an answer without a report is
    still out); of functions, that the leader agrees with more votes than the runner-up.

    Args:
        evidence: what is there now, the open round included.
        expected: how many agents propose answers.
    """
    standing = standing_of(evidence)
    if not standing.clusters or any(demerits(standing.candidates[0], standing.gates)):
        return False
    unknown = {c.proposal.agent_id for c in standing.candidates if standing.gates and c.report is None}
    proposers = evidence.council.proposers
    if proposers and all(agent.searches for agent in proposers):
        return is_verified(standing.candidates[0], evidence) and not unknown
    remaining = max(0, expected - len({c.proposal.agent_id for c in standing.candidates})) + len(unknown)
    lead, second = standing.two_leading
    heaviest = max([1.0, *standing.votes.values()])
    if cannot_change(lead=lead, second=second, remaining=remaining * heaviest):
        return True
    race = race_of(standing, evidence)
    p_leads = p_leader_leads(lead=lead, second=second) if race is None else race.p_leads
    return p_leads >= POSTERIOR_NEEDED


def pays_to_ask(evidence: Evidence, *, expected: int, batch: int) -> bool:
    """Whether asking on is expected to bring what it costs; always while a gate speaks against the leader.

    Agents that search cost no tokens.

    Args:
        evidence: what is there now, the open round included.
        expected: how many agents would propose answers if all were asked.
        batch: how many would be asked next.
    """
    standing = standing_of(evidence)
    proposers = evidence.council.proposers
    if all(agent.searches for agent in proposers):
        return True
    if not standing.clusters or any(demerits(standing.candidates[0], standing.gates)):
        return True
    race = race_of(standing, evidence)
    lead, second = standing.two_leading
    overtaken = partial(p_overtaken, lead=lead, second=second) if race is None else race.p_overtaken
    return is_worth_asking(
        overtaken,
        p_correct=_p_correct(standing.candidates[0], standing, evidence),
        votes=max(0, expected - len({c.proposal.agent_id for c in standing.candidates})),
        batch=batch,
        least_gain=LEAST_GAIN if race is None else LEAST_GAIN_OF_RACE,
    )


def _judging_tiers(standing: Standing, evidence: Evidence) -> tuple[TierVerdict, ...]:
    """What the ballots came to, where there are any."""
    if not evidence.ballots:
        return ()
    if standing.is_text:
        return (judging_tier(standing.candidates, evidence),)
    who = ", ".join(sorted(evidence.judged_by))
    led = tuple(c.id for c in standing.leading)
    return (TierVerdict(tier="duel", kept=led, note=f"fought before {who}"),)


def _after_duel(standing: Standing, evidence: Evidence) -> Standing:
    """The same, or with the challenger's cluster first where judges of a duel turned the order around."""
    duel = duel_of(standing, evidence) if evidence.ballots else None
    if duel is None or not challenger_wins(duel, standing, evidence):
        return standing
    return standing.led_by(standing.others[0])


def _place(place: int, candidate: Candidate, standing: Standing, p_correct: float) -> RankedProposal:
    proposal, cluster = candidate.proposal, standing.cluster_of(candidate)
    return RankedProposal(
        place=place,
        proposal_id=candidate.id,
        agent_id=proposal.agent_id,
        role=proposal.role,
        model=proposal.model,
        round=proposal.round,
        score={name: part[candidate.id] for name, part in standing.parts.items()},
        support=round(standing.support(cluster) / (standing.total or 1.0), 6),
        p_correct=p_correct,
        checks=_counts(candidate.report),
    )


def _counts(report: CheckReport | None) -> CheckCounts:
    if report is None:
        return _NOT_CHECKED
    return CheckCounts(
        passed=report.count(CheckStatus.PASSED),
        failed=report.count(CheckStatus.FAILED),
        errors=report.count(CheckStatus.ERROR, CheckStatus.TIMEOUT),
    )


def _p_correct(candidate: Candidate, standing: Standing, evidence: Evidence) -> float:
    if not standing.gates and not candidate.is_executed and not evidence.behaviours:
        share = standing.parts["judge"][candidate.id]
        return p_text_good(share=share, judges=len(evidence.judged_by))
    if evidence.behaviours:
        return _p_function(candidate, standing)
    is_broken = any(
        gate.disqualifies and gate.demerits(candidate) for gate in standing.gates
    ) or repairs_nothing(candidate, evidence)
    own = p_patch_correct(
        copies=standing.parts["copies"][candidate.id] * standing.total,
        cluster=standing.support(standing.cluster_of(candidate)),
        voters=standing.total,
        is_verified=is_verified(candidate, evidence),
        is_broken=is_broken,
    )
    leader = standing.candidates[0]
    if standing.passed[leader.id] <= standing.passed[candidate.id]:
        return own
    return min(own, round(1 - _p_correct(leader, standing, evidence), 6))


def _p_function(candidate: Candidate, standing: Standing) -> float:
    """Of a function; two that behave differently are not both right."""
    is_leading = any(candidate.id == leader.id for leader in standing.leading)
    own = p_function_correct(
        agreement=standing.parts["agreement_among_answers"][candidate.id],
        margin=standing.margin if is_leading else 0.0,
        voters=standing.total,
        coverage=standing.parts["coverage"][candidate.id],
        elaboration=standing.parts["elaboration"][candidate.id],
    )
    return own if is_leading else min(own, 1 - _p_function(standing.candidates[0], standing))
