"""When a decision is safe: asking on would not change it, or most probably not."""

import math
from fractions import Fraction

POSTERIOR_NEEDED = 0.95
"""For the leading cluster of proposals that cost a model call and checks each."""

FUNCTION_POSTERIOR_NEEDED = 0.8
FUNCTION_P_CORRECT_ENOUGH = 0.7
"""For functions with executed outputs; either is enough. On recorded samples of 82 functions, asked in batches of four
up to 48: in the three orders by which the limits were chosen 39 % of the samples were saved at equal accuracy, in
two other orders 43 % at 2.6 points less."""


def cannot_change(*, lead: float, second: float, remaining: float) -> bool:
    """Even if every vote that is still out went to the second, the leader would lead."""
    return lead > second + remaining


def p_leader_leads(*, lead: float, second: float) -> float:
    """Posterior probability that the leader has the larger share of all voters.

    Of the votes for one of the two leading clusters, the leader's share is Beta(lead + 1, second + 1) after a
    uniform prior (Aggarwal et al. 2023, Adaptive-Consistency); this is its mass above one half. Fractions of
    a vote count against the leader.
    """
    ours, theirs = math.floor(lead), math.ceil(second)
    trials = ours + theirs + 1
    ways, favourable = 1, 0
    for hits in range(ours + 1):
        favourable += ways
        ways = ways * (trials - hits) // (hits + 1)
    return float(Fraction(favourable, 1 << trials))
