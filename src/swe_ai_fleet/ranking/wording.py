"""The decision in words: one sentence for the winner, for an abstention, for a dissent."""

from swe_ai_fleet.domain.ranking import Dissent
from swe_ai_fleet.ranking.candidates import Candidate
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.gates import GATES, demerits
from swe_ai_fleet.ranking.regressions import base_failures
from swe_ai_fleet.ranking.standing import Standing

ABSTAIN_BELOW = 0.1
"""No decision is better than one that is right less than one time in ten."""

_MAX_DISSENT = 5


def is_verified(candidate: Candidate, evidence: Evidence) -> bool:
    """It repairs everything that failed on the unchanged commit and breaks nothing."""
    repaired = bool(base_failures(evidence.base)) and not any(demerits(candidate, GATES))
    return repaired and candidate.report is not None


def repairs_nothing(candidate: Candidate, evidence: Evidence) -> bool:
    """Something fails on the unchanged commit, and all of it still does."""
    failing = base_failures(evidence.base)
    return bool(failing) and candidate.unresolved == failing


def complaint(winner: Candidate, p_correct: float, standing: Standing, evidence: Evidence) -> str:
    """Why the best is not good enough, in one sentence; empty where it is."""
    if not winner.proposal.content.strip():
        return "Every answer is empty."
    if evidence.behaviours and evidence.inputs and not winner.outputs:
        return "No decision: even the best candidate returns nothing on any input."
    for gate in standing.gates:
        if gate.disqualifies and gate.demerits(winner):
            return f"No decision: even the best candidate {gate.complaint}."
    if repairs_nothing(winner, evidence):
        return "No decision: no candidate repairs any of the checks that fail on the unchanged commit."
    if p_correct < ABSTAIN_BELOW:
        return f"No decision: the best candidate is right with a probability of {p_correct:.2f} only."
    return ""


def praise(winner: Candidate, standing: Standing, evidence: Evidence) -> str:
    """Why the winner won, in one sentence."""
    if len(standing.candidates) == 1:
        return f"{winner.id} is the only answer{_verified_clause(winner, evidence)}."
    second = standing.candidates[1]
    part = next(
        (name for name, values in standing.parts.items() if values[winner.id] != values[second.id]), ""
    )
    if not part:
        return (
            f"{winner.id} and {second.id} are the same answer; it leads{_verified_clause(winner, evidence)}."
        )
    ours, theirs = standing.parts[part][winner.id], standing.parts[part][second.id]
    return (
        f"{winner.id} leads {second.id} on {part.replace('_', ' ')} ({ours:g} to {theirs:g})"
        f"{_verified_clause(winner, evidence)}."
    )


def _verified_clause(winner: Candidate, evidence: Evidence) -> str:
    repaired = len(base_failures(evidence.base))
    return f", and repairs all {repaired} failures of the base" if is_verified(winner, evidence) else ""


def dissent_of(standing: Standing) -> tuple[Dissent, ...]:
    """The strongest groups of survivors that the winner does not speak for."""
    return tuple(
        Dissent(
            proposal_ids=tuple(candidate.id for candidate in cluster),
            support=round(standing.support(cluster) / (standing.total or 1.0), 6),
            reason=_difference(standing.leading[0], cluster[0]),
        )
        for cluster in standing.others[:_MAX_DISSENT]
    )


def _difference(leader: Candidate, other: Candidate) -> str:
    """The first thing that the two do differently."""
    names = sorted(leader.signature.keys() | other.signature.keys())
    for name in names:
        ours, theirs = leader.signature.get(name), other.signature.get(name)
        if ours != theirs:
            return f"{name}: {theirs or 'no answer'} instead of {ours or 'no answer'}"[:200]
    return "another answer"
