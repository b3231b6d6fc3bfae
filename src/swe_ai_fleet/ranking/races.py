"""The race of the leader and the runner-up among functions: how sure the lead is, from what every vote says of it."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from swe_ai_fleet.ranking.agreement import input_weights
from swe_ai_fleet.ranking.candidates import Candidate
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.standing import Standing

_SILENT = 2
_NORMAL = statistics.NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Race:
    """Paired differences, one a vote: how much more it agrees with the leader than with the runner-up.

    Races stop as soon as the better one is known (Maron and Moore 1994); paired differences under the normal law are
    what Birattari et al. (2002, F-Race) compare. Clusters of equal functions cannot tell it: the leader has the most
    agreement, input by input, not the largest cluster.
    """

    differences: tuple[float, ...]

    @property
    def lead(self) -> float:
        """The mean difference in standard errors, made smaller by two silent votes; infinite where all are equal."""
        count = len(self.differences)
        mean = math.fsum(self.differences) / count
        squares = math.fsum((difference - mean) ** 2 for difference in self.differences)
        if squares == 0:
            return math.copysign(math.inf, mean) if mean else 0.0
        error = math.sqrt(squares / (count - 1) / count)
        return mean / error * count / (count + _SILENT)

    @property
    def p_leads(self) -> float:
        """Probability that the leader has the larger agreement among all voters there could be."""
        return _NORMAL.cdf(self.lead)

    def p_overtaken(self, votes: int) -> float:
        """Probability that the runner-up leads once so many further votes are in."""
        count = len(self.differences)
        return _NORMAL.cdf(-self.lead * math.sqrt((count + votes) / votes)) if votes else 0.0


def race_of(standing: Standing, evidence: Evidence) -> Race | None:
    """Of the first two functions that behave differently; None where there are no two, or no functions."""
    leading = {candidate.id for candidate in standing.leading}
    rival = next((c for c in standing.candidates if c.id not in leading and c.id in standing.votes), None)
    voters = [c for c in standing.survivors if standing.votes.get(c.id)]
    if not evidence.behaviours or rival is None or not voters:
        return None
    weights = input_weights(standing.survivors, evidence)
    ours, theirs = standing.candidates[0].signature, rival.signature
    telling = [name for name in sorted({*ours, *theirs}) if ours.get(name) != theirs.get(name)]

    def favours(candidate: Candidate) -> Sequence[float]:
        said = candidate.signature
        return [
            weights[name] * ((said[name] == ours.get(name)) - (said[name] == theirs.get(name)))
            for name in telling
            if name in said
        ]

    return Race(differences=tuple(standing.votes[c.id] * math.fsum(favours(c)) for c in voters))
