"""The order that contradicts the votes least, held against trying all orders."""

from collections.abc import Sequence
from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_ai_fleet.ranking.consensus import MOST, places_won

IDS = ("a", "b", "c", "d", "e")
Votes = dict[tuple[str, str], float]


def votes() -> st.SearchStrategy[Votes]:
    pairs = list(permutations(IDS, 2))
    counts = st.lists(st.integers(0, 6), min_size=len(pairs), max_size=len(pairs))
    return counts.map(lambda said: {pair: count / 2 for pair, count in zip(pairs, said, strict=True)})


def agreement(order: Sequence[str], won: Votes) -> float:
    return sum(won[one, other] - won[other, one] for one, other in combinations(order, 2))


@given(votes())
def test_places_are_the_mean_over_all_best_orders(won: Votes) -> None:
    most = max(agreement(order, won) for order in permutations(IDS))
    best = [order for order in permutations(IDS) if agreement(order, won) == most]
    expected = {one: sum(len(IDS) - 1 - order.index(one) for order in best) / len(best) for one in IDS}
    assert places_won(IDS, won) == pytest.approx(expected)


@given(votes())
def test_whoever_beats_everybody_stands_first(won: Votes) -> None:
    for one in IDS:
        if all(won[one, other] > won[other, one] for other in IDS if other != one):
            assert places_won(IDS, won)[one] == len(IDS) - 1


@given(votes(), st.permutations(IDS))
def test_the_order_in_which_they_are_named_does_not_matter(won: Votes, named: list[str]) -> None:
    assert places_won(named, won) == places_won(IDS, won)


def test_without_votes_all_places_are_the_same() -> None:
    assert set(places_won(IDS, {}).values()) == {2.0}
    assert places_won((), {}) == {}


def test_more_than_can_be_tried_are_refused() -> None:
    with pytest.raises(ValueError, match=str(MOST)):
        places_won([str(n) for n in range(MOST + 1)], {})
