import math
from typing import Any

import pytest
from council_evidence import code_evidence, council, proposal, report, text_evidence
from hypothesis import given, settings
from hypothesis import strategies as st

from swe_ai_fleet.domain.review import Ballot, Showing
from swe_ai_fleet.ranking.decide import decide, safe_to_stop
from swe_ai_fleet.ranking.demands import named_outputs, wants_none
from swe_ai_fleet.ranking.evidence import Claim, Evidence, Reproduction

SOURCES = {
    "ada": "def f(x):\n    return 1\n",
    "bob": "def f(x):\n    return x\n",
    "cyd": "def f(y):\n    return y\n",
    "dan": "def f(x):\n    return 0 + x\n",
}


def behaving(behaviours: dict[str, dict[str, str]], **fields: Any) -> Evidence:
    answers = [proposal(name, SOURCES[name]) for name in behaviours]
    return text_evidence(answers, behaviours={f"{n}.0": b for n, b in behaviours.items()}, **fields)


def first(evidence: Evidence) -> str:
    return decide(evidence).ranking[0].agent_id


def test_what_most_candidates_output_wins() -> None:
    ranking = decide(
        behaving({"ada": {"1": "1", "2": "1"}, "bob": {"1": "1", "2": "2"}, "cyd": {"1": "1", "2": "2"}})
    )
    assert {r.agent_id for r in ranking.ranking[:2]} == {"bob", "cyd"}
    assert ranking.ranking[0].support == pytest.approx(2 / 3, abs=1e-6)
    assert ranking.dissent[0].reason == "2: 1 instead of 2"
    assert len(ranking.clusters) == 2


def test_an_abstention_earns_nothing() -> None:
    assert (
        first(behaving({"ada": {"1": "1"}, "bob": {"1": "1", "2": "2"}, "cyd": {"1": "1", "2": "2"}}))
        != "ada"
    )


def test_a_proposed_test_is_a_further_voter() -> None:
    tied = {"ada": {"2": "1"}, "bob": {"2": "2"}}
    assert first(behaving(tied, claims=(Claim(author="qa", input_id="2", output="1"),))) == "ada"
    assert first(behaving(tied, claims=(Claim(author="qa", input_id="2", output="2"),))) == "bob"


def test_a_proposed_test_does_not_make_the_decision_surer() -> None:
    answers = {"ada": {"2": "1"}, "bob": {"2": "2"}, "cyd": {"2": "2"}}
    plain = decide(behaving(answers)).ranking[0]
    tested = decide(behaving(answers, claims=(Claim(author="qa", input_id="2", output="2"),))).ranking[0]
    assert tested.score["agreement"] > plain.score["agreement"]
    assert tested.score["agreement_among_answers"] == pytest.approx(2 / 3)
    assert tested.p_correct == plain.p_correct


def test_an_example_in_the_tasks_own_words_outweighs_every_vote() -> None:
    popular = {"ada": {"2": "1"}, "bob": {"2": "2"}, "cyd": {"2": "2"}, "dan": {"2": "2"}}
    claims = (Claim(author="task", input_id="2", output="1", is_given=True),)
    ranking = decide(behaving(popular, claims=claims))
    assert ranking.ranking[0].agent_id == "ada"
    assert ranking.ranking[1].score["examples_failed"] == 1
    nobody = decide(
        behaving(popular, claims=(Claim(author="task", input_id="2", output="9", is_given=True),))
    )
    assert nobody.ranking[0].agent_id != "ada"
    assert nobody.tiers[0].fell_back


def test_an_authors_own_tests_do_not_help_it_and_both_figures_are_there() -> None:
    claims = tuple(Claim(author="ada", input_id="2", output="1") for _ in range(50))
    alone = decide(behaving({"ada": {"2": "1"}, "bob": {"2": "2"}, "cyd": {"2": "2"}}, claims=claims))
    loser = next(r for r in alone.ranking if r.agent_id == "ada")
    assert alone.ranking[0].agent_id != "ada"
    assert loser.score["agreement_with_own_tests"] > loser.score["agreement"]


def test_reliable_agents_weigh_more() -> None:
    split = {"ada": {"2": "1"}, "bob": {"2": "2"}, "cyd": {"2": "2"}}
    assert first(behaving(split, reliability={"ada": 3.0})) == "ada"


def test_an_input_without_weight_decides_nothing() -> None:
    outputs = {"ada": {"1": "1", "2": "9"}, "bob": {"1": "1", "2": "2"}, "cyd": {"1": "0", "2": "2"}}
    assert first(behaving(outputs, inputs={"2": 0.0})) in ("ada", "bob")
    assert first(behaving(outputs, inputs={"1": 0.0})) in ("bob", "cyd")


def test_weights_beyond_all_measure_do_not_overflow() -> None:
    same = {"ada": {"1": "0", "2": "0"}, "bob": {"1": "0", "2": "0"}}
    claims = tuple(Claim(author="qa", input_id=n, output="0", credibility=1e308) for n in "12")
    ranking = decide(behaving(same, claims=claims, inputs={"1": 1.7e308, "2": 1.7e308}))
    assert all(math.isfinite(value) for r in ranking.ranking for value in (*r.score.values(), r.p_correct))


def test_nobody_answers_anything_is_no_confidence() -> None:
    ranking = decide(behaving({"ada": {}, "bob": {}}))
    assert ranking.ranking[0].p_correct < 0.2


def test_a_named_output_and_a_longer_answer_break_what_votes_leave_even() -> None:
    answers = [proposal("ada", SOURCES["ada"]), proposal("bob", "def f(x):\n    return -1 if x < 0 else 1\n")]
    evidence = text_evidence(
        answers, behaviours={"ada.0": {"0": "1", "-5": "1"}, "bob.0": {"0": "1", "-5": "-1"}}
    )
    task = evidence.task.model_copy(update={"description": "Return -1 if there is none."})
    told = text_evidence(answers, task=task, behaviours=evidence.behaviours)
    assert first(told) == "bob"
    assert decide(told).ranking[0].score["coverage"] == 1.0


def test_outputs_that_a_text_names() -> None:
    assert named_outputs("Return -1 if empty list, else 'YES' or \"NO\".") >= {"-1", "[]", "'YES'", "'NO'"}
    assert named_outputs("It takes 3.5 apples") == frozenset()
    assert wants_none("Return None if there is no such element")
    assert not wants_none("Return nonetheless")


def test_judges_of_executed_outputs_turn_a_close_decision() -> None:
    close = {"ada": {"1": "1", "2": "7"}, "bob": {"1": "1", "2": "2"}}
    before = first(behaving(close))
    other = {"ada": "bob", "bob": "ada"}[before]
    ballots = tuple(
        Ballot(
            showing=Showing(judge=judge, first=f"{a}.0", second=f"{b}.0"),
            preferred="first" if a == other else "second",
        )
        for judge in ("eve", "fay")
        for a, b in (("ada", "bob"), ("bob", "ada"))
    )
    everybody = council("ada", "bob", "eve", "fay")
    ranking = decide(behaving(close, ballots=ballots, council=everybody))
    assert ranking.ranking[0].agent_id == other
    assert ranking.ranking[0].score["duel"] == 1.0
    assert [r.place for r in ranking.ranking] == [1, 2]
    flipping = tuple(Ballot(showing=b.showing, preferred="first") for b in ballots)
    assert first(behaving(close, ballots=flipping, council=everybody)) == before


def test_a_safe_margin_is_not_up_for_a_duel() -> None:
    clear = {"ada": {"2": "7"}, "bob": {"2": "2"}, "cyd": {"2": "2"}, "dan": {"2": "2"}}
    ballots = tuple(
        Ballot(
            showing=Showing(judge="eve", first=a, second=b), preferred="first" if a == "ada.0" else "second"
        )
        for a, b in (("ada.0", "bob.0"), ("bob.0", "ada.0"))
    )
    assert first(behaving(clear, ballots=ballots, council=council(*clear, "eve"))) != "ada"


def test_a_reproduction_counts_if_it_fails_before_and_somebody_passes() -> None:
    answers = [proposal("ada"), proposal("bob"), proposal("cyd")]
    reports = [report("ada.0", patch="x"), report("bob.0", patch="y"), report("cyd.0", patch="z")]

    def scores(*tests: Reproduction) -> dict[str, float]:
        ranking = decide(code_evidence(answers, reports, reproductions=tests))
        return {r.agent_id: r.score.get("reproduction", 0.0) for r in ranking.ranking}

    by_bob = frozenset({"bob.0"})
    assert scores(Reproduction(test_id="t", author="qa", fails_on_base=True, passed_by=by_bob))["bob"] == 1.0
    assert scores(Reproduction(test_id="t", author="qa", fails_on_base=False, passed_by=by_bob))["bob"] == 0.0
    assert scores(Reproduction(test_id="t", author="bob", fails_on_base=True, passed_by=by_bob))["bob"] == 0.0


def test_a_growing_council_stops_when_the_leader_is_safe() -> None:
    same = {name: {"1": "1", "2": "2"} for name in ("bob", "cyd", "dan")}
    assert safe_to_stop(behaving(same), expected=4)
    mixed = {"ada": {"1": "5"}, "bob": {"1": "1"}, "cyd": {"1": "3"}}
    assert not safe_to_stop(behaving(mixed), expected=30)


outputs = st.dictionaries(st.sampled_from("123"), st.sampled_from(["0", "1", "'a'"]), max_size=3)


@settings(max_examples=50)
@given(
    st.lists(outputs, min_size=1, max_size=4),
    st.lists(
        st.builds(
            Claim,
            author=st.sampled_from(["ada", "qa", "nobody"]),
            input_id=st.sampled_from("1239"),
            output=st.sampled_from(["0", "1", ""]),
            credibility=st.floats(),
        ),
        max_size=6,
    ),
    st.dictionaries(st.sampled_from("1239"), st.floats()),
    st.data(),
)
def test_hostile_numbers_and_any_order_give_the_same_valid_ranking(
    seen: list[dict[str, str]], claims: list[Claim], weights: dict[str, float], data: st.DataObject
) -> None:
    named = dict(zip(SOURCES, seen, strict=False))
    one = behaving(named, claims=tuple(claims), inputs=weights)
    shuffled = {
        name: dict(data.draw(st.permutations(list(behaviour.items()))))
        for name, behaviour in data.draw(st.permutations(list(named.items())))
    }
    other = behaving(shuffled, claims=tuple(data.draw(st.permutations(claims))), inputs=weights)
    ranking = decide(one)
    assert ranking.model_dump_json() == decide(other).model_dump_json()
    assert all(0 <= r.p_correct <= 1 for r in ranking.ranking)
