"""How sure the lead of a function is: every vote says by how much it agrees more with the leader than with the next."""

import math
from collections.abc import Mapping

import pytest
from council_evidence import proposal, text_evidence

from swe_ai_fleet.ranking.decide import pays_to_ask, safe_to_stop
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.races import Race, race_of
from swe_ai_fleet.ranking.standing import standing_of


def council_of(**shares: int) -> Evidence:
    """So many functions of each kind; kinds return their own name on input 2 and the same on input 1."""
    kinds = [kind for kind, count in shares.items() for _ in range(count)]
    return behaving({f"{kind}{number}": {"1": "0", "2": kind} for number, kind in enumerate(kinds)})


def behaving(outputs: Mapping[str, Mapping[str, str]]) -> Evidence:
    answers = [proposal(name, f"def f(x):\n    return {name!r}\n") for name in outputs]
    return text_evidence(answers, behaviours={f"{name}.0": said for name, said in outputs.items()})


def race(evidence: Evidence) -> Race:
    found = race_of(standing_of(evidence), evidence)
    assert found is not None
    return found


def test_every_vote_counts_for_the_one_for_the_other_or_for_neither() -> None:
    assert sorted(race(council_of(a=3, b=2, c=1)).differences) == [-1, -1, 0, 1, 1, 1]


def test_the_lead_is_the_mean_in_standard_errors_less_for_few_votes() -> None:
    ten = Race(differences=(1.0,) * 8 + (-1.0,) * 2)
    error = math.sqrt(64 * 0.1 / 9 / 10)
    assert ten.lead == pytest.approx(0.6 / error * 10 / 12)
    assert ten.p_leads > Race(differences=(1.0,) * 4 + (-1.0,)).p_leads > 0.5
    assert Race(differences=(1.0, -1.0)).p_leads == 0.5
    assert Race(differences=(0.0, 0.0)).p_leads == 0.5
    assert Race(differences=(1.0, 1.0)).p_leads == 1.0


def test_the_runner_up_overtakes_more_often_the_more_votes_are_out_and_never_without_one() -> None:
    race = Race(differences=(1.0,) * 6 + (-1.0,) * 4)
    chances = [race.p_overtaken(votes) for votes in (0, 1, 4, 16, 64)]
    assert chances[0] == 0.0
    assert chances == sorted(chances)
    assert chances[-1] < 1 - race.p_leads


def test_functions_that_all_do_the_same_run_no_race() -> None:
    evidence = council_of(a=5)
    assert race_of(standing_of(evidence), evidence) is None
    assert safe_to_stop(evidence, expected=48)
    assert not safe_to_stop(council_of(a=2), expected=48)


def test_the_rival_is_the_next_in_agreement_not_the_next_cluster() -> None:
    """Three that differ from each other on one input of three agree with most; a cluster of two is no rival."""
    outputs = {
        "ada": {"1": "0", "2": "0", "3": "a"},
        "bob": {"1": "0", "2": "0", "3": "b"},
        "cyd": {"1": "0", "2": "0", "3": "c"},
        "dan": {"1": "9", "2": "9", "3": "9"},
        "eve": {"1": "9", "2": "9", "3": "9"},
    }
    assert sorted(race(behaving(outputs)).differences) == [-1, 0, 0, 0, 1]


def test_a_clear_lead_ends_the_asking_and_a_narrow_one_does_not() -> None:
    clear, narrow = council_of(a=12, b=2), council_of(a=6, b=5, c=3)
    assert safe_to_stop(clear, expected=48)
    assert not safe_to_stop(narrow, expected=48)
    assert not pays_to_ask(clear, expected=48, batch=4)
    assert pays_to_ask(narrow, expected=48, batch=4)
