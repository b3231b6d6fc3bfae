"""What the judges' ballots on texts come to, as parts of the score and as a tier of the record."""

from collections.abc import Sequence

from swe_ai_fleet.domain.ranking import TierVerdict
from swe_ai_fleet.ranking.candidates import Candidate
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.finalists import authors_of, finalists
from swe_ai_fleet.ranking.judging import Judgement, judge_all
from swe_ai_fleet.ranking.ties import judge_scores

_FICKLE = 0.5
"""A judge that answers so many of its pairs by their order is worth a note."""


def judgement_parts(
    candidates: Sequence[Candidate], evidence: Evidence, *, is_text: bool
) -> dict[str, dict[str, float]]:
    """The judges' parts of the score: ballots on pairs of texts where there are any, else what critiques say.

    A copy has what the one that stands for it has. Who was not among the finalists comes after them.
    """
    said = judge_scores(candidates, evidence)
    if not is_text or not evidence.ballots:
        return {"judge": said}
    chosen = finalists(candidates, evidence)
    judged = judgement_of(candidates, evidence)
    standing_for = {one.key: one.id for one in chosen}
    shown = {c.id: standing_for[c.key] for c in candidates if c.key in standing_for}
    return {
        "places_won": {c.id: judged.places[shown[c.id]] if c.id in shown else -1.0 for c in candidates},
        "judge": {c.id: judged.shares[shown[c.id]] if c.id in shown else said[c.id] for c in candidates},
    }


def judgement_of(candidates: Sequence[Candidate], evidence: Evidence) -> Judgement:
    """All ballots of members of the council on the finalists, counted."""
    known = {agent.agent_id for agent in evidence.council.agents}
    return judge_all(
        (ballot for ballot in evidence.ballots if ballot.showing.judge in known),
        authors_of(finalists(candidates, evidence), candidates),
        reliability=evidence.judges,
        canaries=evidence.canaries,
    )


def judging_tier(candidates: Sequence[Candidate], evidence: Evidence) -> TierVerdict:
    """The order of the finalists; the judges that were switched off, could not be read or went by the order."""
    judged = judgement_of(candidates, evidence)
    notes = [f"judge {judge} is switched off: {why}" for judge, why in sorted(judged.disabled.items())]
    notes += [
        f"{share:.0%} of the answers of judge {judge} held no verdict"
        for judge, share in sorted(judged.unparsable.items())
        if share
    ]
    notes += [
        f"judge {judge} went by the order in {share:.0%} of its pairs"
        for judge, share in sorted(judged.flips.items())
        if share >= _FICKLE
    ]
    notes += ["the majorities form a cycle"] if judged.has_cycle else []
    return TierVerdict(tier="judging", kept=judged.order, note="; ".join(notes))
