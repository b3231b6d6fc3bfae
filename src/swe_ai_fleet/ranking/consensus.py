"""The order that contradicts the votes on pairs least.

Where every vote on a pair is right with the same chance, this order is the most likely one (Kemeny 1959, Young 1988),
and a Condorcet winner stands first in it. It uses what a count of pairs won leaves out: that a before b and b before c
also speak for a before c.
"""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

MOST = 10
"""Of so many answers the best order is still found by trying all; time and memory double with each one more."""

_UNIT = 10**6
"""Votes are counted in millionths, so that equal sums are equal."""


def places_won(ids: Sequence[str], won: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """By id: how many of the others stand after it in the best order; the mean where several orders are equally good.

    Args:
        ids: at most :data:`MOST`.
        won: votes for the first of a pair against the second.

    Raises:
        ValueError: there are more of them.
    """
    if len(ids) > MOST:
        msg = f"the best order of {len(ids)} cannot be found by trying all; at most {MOST}"
        raise ValueError(msg)
    lead = [
        [round((won.get((a, b), 0.0) - won.get((b, a), 0.0)) * _UNIT) if a != b else 0 for b in ids]
        for a in ids
    ]
    best = _best_of_each_set(lead)
    everybody = (1 << len(ids)) - 1
    most, orders = best[everybody]
    places = {}
    for place, one in enumerate(ids):
        found = 0
        for first in range(everybody + 1):
            if first >> place & 1:
                continue
            rest = everybody ^ first ^ (1 << place)
            score = best[first][0] + best[rest][0] + _gain(lead[place], rest)
            score += sum(_gain(lead[a], everybody ^ first) for a in _members(first))
            if score == most:
                found += rest.bit_count() * best[first][1] * best[rest][1]
        places[one] = round(float(Fraction(found, orders)), 9)
    return places


def _best_of_each_set(lead: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    """Of each set of places, as bits: the score of its best order, and how many orders have it."""
    best = [(0, 1)]
    for members in range(1, 1 << len(lead)):
        scores: dict[int, int] = {}
        for first in _members(members):
            rest = members ^ (1 << first)
            score = best[rest][0] + _gain(lead[first], rest)
            scores[score] = scores.get(score, 0) + best[rest][1]
        most = max(scores)
        best.append((most, scores[most]))
    return best


def _gain(row: Sequence[int], members: int) -> int:
    """What standing before all of these is worth."""
    return sum(row[place] for place in _members(members))


def _members(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
