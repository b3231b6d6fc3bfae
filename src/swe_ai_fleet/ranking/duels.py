"""The duel: when two clusters are close, an input on which they differ says more than all on which they agree.

The idea is S* (Li et al. 2025): ask which of two executed outputs is right instead of which program reads
better. Only outputs are shown; a judge that changes its mind with the order has said nothing.
"""

import math
from dataclasses import dataclass

from swe_ai_fleet.ranking.candidates import weight_of
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.finalists import authors_of
from swe_ai_fleet.ranking.judging import judge_all
from swe_ai_fleet.ranking.standing import Standing

MARGIN_TO_FIGHT_FOR = 0.1
"""Below this margin a duel is worth its tokens."""

JUDGE_ACCURACY = 0.7
"""Of a judge with reliability 1 that gives the same answer in both orders."""

_LOG_ODDS_TO_WIN = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Duel:
    """What to show: one input, and what the best of each cluster makes of it."""

    input_id: str
    leader: str
    """Proposal id."""
    challenger: str
    leader_output: str
    challenger_output: str


def duel_of(standing: Standing, evidence: Evidence) -> Duel | None:
    """The duel worth fighting now; None where the margin is safe or no input tells the two apart.

    Of the inputs on which they differ, the one that weighs most and that most candidates answer; then the
    shortest.
    """
    if not standing.candidates or not standing.others or standing.margin >= MARGIN_TO_FIGHT_FOR:
        return None
    leader, challenger = standing.leading[0], standing.others[0][0]
    differing = [
        name
        for name, output in leader.outputs.items()
        if name in challenger.outputs and challenger.outputs[name] != output
    ]
    if not differing:
        return None
    name = min(differing, key=lambda n: (-evidence.inputs.get(n, 1.0), -_answered(standing, n), len(n), n))
    return Duel(
        input_id=name,
        leader=leader.id,
        challenger=challenger.id,
        leader_output=leader.outputs[name],
        challenger_output=challenger.outputs[name],
    )


def _answered(standing: Standing, name: str) -> int:
    return sum(name in candidate.outputs for candidate in standing.candidates)


def challenger_wins(duel: Duel, standing: Standing, evidence: Evidence) -> bool:
    """Whether the judges turn the order of the two around.

    Judges that are consistent over both orders are added as log-odds of their accuracy, weighted by
    reliability; what is left open stays with the leader.
    """
    fighters = [c for c in standing.candidates if c.id in (duel.leader, duel.challenger)]
    pair = authors_of(fighters, standing.candidates)
    total = 0.0
    for judge in sorted({ballot.showing.judge for ballot in evidence.ballots}):
        own = [ballot for ballot in evidence.ballots if ballot.showing.judge == judge]
        judged = judge_all(own, pair, reliability=evidence.judges, canaries=evidence.canaries)
        lean = judged.shares[duel.challenger] - judged.shares[duel.leader]
        weight = weight_of(judge, evidence.judges)
        total += lean * weight * math.log(JUDGE_ACCURACY / (1 - JUDGE_ACCURACY))
    return total > _LOG_ODDS_TO_WIN
