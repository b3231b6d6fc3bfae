"""Which answers judges compare: a pair costs the same whoever wins it, so that only the most promising are paid for."""

from collections.abc import Sequence

from swe_ai_fleet.ranking.agreement import copies
from swe_ai_fleet.ranking.candidates import Candidate, votes_of
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.ties import judge_scores, stable_fractions

MOST_JUDGED = 8


def finalists(candidates: Sequence[Candidate], evidence: Evidence) -> list[Candidate]:
    """At most eight different answers, sorted by id: those with most votes, then those that peers think best of.

    Of copies one stands for all; blank answers are not worth a judge.
    """
    distinct: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: c.id):
        if candidate.proposal.content.strip():
            distinct.setdefault(candidate.key, candidate)
    shared = copies(candidates, votes_of(candidates, evidence.reliability))
    said = judge_scores(candidates, evidence)
    drawn = stable_fractions(candidates, evidence.seed)
    best_first = sorted(distinct.values(), key=lambda c: (-shared[c.id], -said[c.id], -drawn[c.id], c.id))
    return sorted(best_first[:MOST_JUDGED], key=lambda c: c.id)


def authors_of(chosen: Sequence[Candidate], candidates: Sequence[Candidate]) -> dict[str, frozenset[str]]:
    """By id of a chosen answer: everybody who gave it, copies included."""
    return {one.id: frozenset(c.proposal.agent_id for c in candidates if c.key == one.key) for one in chosen}
