"""Who judges what: fair, anonymous to the judges' own side, and no more than the tokens last for."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from council_evidence import council, proposal, text_evidence
from hypothesis import given
from hypothesis import strategies as st

from swe_ai_fleet.domain.council import Council
from swe_ai_fleet.domain.review import Ballot, Preference, Showing
from swe_ai_fleet.ranking.canaries import CANARIES
from swe_ai_fleet.ranking.decide import decide
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.finalists import MOST_JUDGED
from swe_ai_fleet.ranking.hearings import PANEL, TURNS, Hearing, both_orders, hearing_of
from swe_ai_fleet.ranking.judging import judge_all

NAMES = ("ada", "bob", "cyd", "dan", "eve", "fay")


def texts(*names: str, seed: int = 0) -> Evidence:
    answers = [proposal(name, f"The design of {name} is this one.") for name in names]
    return replace(text_evidence(answers, council=council(*NAMES)), seed=seed)


def hearing(evidence: Evidence, *, per_pair: int = 3, tokens: int | None = None) -> Hearing:
    found = hearing_of(evidence, NAMES, per_pair=per_pair, tokens=tokens)
    assert found is not None
    return found


def pairs(found: Hearing) -> Counter[frozenset[str]]:
    asked = [s for own in found.showings.values() for s in own if not {s.first, s.second} & CANARIES]
    return Counter(frozenset({s.first, s.second}) for s in asked)


@given(st.integers(0, 2**31 - 1), st.integers(2, 6), st.integers(1, 4))
def test_every_pair_has_its_judges_in_both_orders_and_nobody_judges_its_own(
    seed: int, count: int, per_pair: int
) -> None:
    found = hearing(texts(*NAMES[:count], seed=seed), per_pair=per_pair)
    wanted = min(per_pair, len(NAMES) - 2)
    assert pairs(found) == dict.fromkeys(pairs(found), 2 * wanted)
    assert len(pairs(found)) == count * (count - 1) // 2
    for judge, own in found.showings.items():
        assert {s.judge for s in own} == {judge}
        assert not any(f"{judge}.0" in (s.first, s.second) for s in own)
        assert {(s.first, s.second) for s in own} == {(s.second, s.first) for s in own}


def test_who_names_itself_or_its_model_is_shown_without_a_name() -> None:
    answers = [
        proposal("ada", "I am ADA of vllm:tiny, and adamant."),
        proposal("bob", "As Qwen/Qwen3-8B I (bob) say: dev-bob is somebody else."),
    ]
    evidence = text_evidence(answers, council=council(*NAMES))
    agents = [
        agent.model_copy(update={"model": "vllm:Qwen/Qwen3-8B|vllm:tiny"})
        for agent in evidence.council.agents
    ]
    evidence = replace(evidence, council=evidence.council.model_copy(update={"agents": tuple(agents)}))
    shown = hearing(evidence).texts
    assert shown["ada.0"] == "I am [name] of [name], and adamant."
    assert shown["bob.0"] == "As [name] I ([name]) say: dev-bob is somebody else."


def test_the_plan_is_the_same_for_everybody_and_its_order_comes_from_the_seed() -> None:
    assert hearing(texts(*NAMES, seed=1)) == hearing(texts(*NAMES, seed=1))
    one, other = hearing(texts(*NAMES, seed=1)), hearing(texts(*NAMES, seed=2))
    assert [s.first for s in one.showings["ada"]] != [s.first for s in other.showings["ada"]]


def test_every_judge_meets_one_planted_answer_beside_two_of_others_and_a_council_meets_them_all() -> None:
    found = hearing(texts(*NAMES))
    met = {}
    for judge, own in found.showings.items():
        planted = [{s.first, s.second} & CANARIES for s in own if {s.first, s.second} & CANARIES]
        assert len(planted) == 4
        assert len(set.union(*planted)) == 1
        met[judge] = next(iter(planted[0]))
    assert set(met.values()) == CANARIES
    assert set(found.texts) >= CANARIES


def test_a_copy_is_not_judged_twice_and_its_author_not_asked_about_it() -> None:
    evidence = texts("ada", "bob")
    copied = proposal("cyd", "The design of ada is this one.")
    found = hearing(replace(evidence, proposals=(*evidence.proposals, copied)))
    assert pairs(found).keys() == {frozenset({"ada.0", "bob.0"})}
    assert "cyd" not in found.showings


def test_of_many_answers_the_most_promising_are_judged_and_the_others_come_after_them() -> None:
    names = tuple(f"dev{n:02}" for n in range(12))
    answers = [proposal(name, f"Design {name}.") for name in names]
    evidence = text_evidence(answers, council=council(*names))
    found = hearing_of(evidence, names, per_pair=1)
    assert found is not None
    judged = frozenset.union(*pairs(found))
    assert len(judged) == MOST_JUDGED
    ballots = [
        Ballot(showing=s, preferred="first" if _before(s.first, s.second) else "second")
        for own in found.showings.values()
        for s in own
    ]
    ranking = decide(replace(evidence, ballots=tuple(ballots), canaries=CANARIES)).ranking
    assert [place.proposal_id for place in ranking[:MOST_JUDGED]] == sorted(judged)


def _before(one: str, other: str) -> bool:
    return (one in CANARIES, one) < (other in CANARIES, other)


def test_of_a_large_council_a_few_judge_who_gave_none_of_the_answers() -> None:
    names = tuple(f"dev{n:02}" for n in range(60))
    answers = [proposal(name, f"Design {int(name[3:]) % 6}.") for name in names[:40]]
    found = hearing_of(text_evidence(answers, council=council(*names)), names, per_pair=2)
    assert found is not None
    assert len(found.showings) <= PANEL
    assert set(found.showings) <= set(names[40:])
    assert len(pairs(found)) == 15


def test_a_judge_of_a_third_model_is_asked_before_one_whose_model_gave_one_of_the_answers() -> None:
    evidence = texts("ada", "bob")
    agents = [
        agent.model_copy(update={"model": model})
        for agent, model in zip(
            evidence.council.agents, ("vllm:a", "vllm:b", "vllm:a", "vllm:b", "vllm:c", "vllm:c"), strict=True
        )
    ]
    mixed = replace(evidence, council=evidence.council.model_copy(update={"agents": tuple(agents)}))
    assert hearing(mixed, per_pair=2).showings.keys() == {"eve", "fay"}
    assert hearing(mixed, per_pair=3).showings.keys() > {"eve", "fay"}


def test_tokens_bound_the_judges_of_a_pair_and_where_none_can_be_paid_nobody_is_asked() -> None:
    evidence = texts(*NAMES)
    rich, poor = hearing(evidence), hearing(evidence, tokens=130_000)
    assert 0 < sum(pairs(poor).values()) < sum(pairs(rich).values())
    assert poor.tokens_each is not None
    assert poor.tokens_each * len(poor.showings) <= 130_000
    assert hearing(evidence, tokens=1000).showings == {}


def test_there_is_nothing_to_judge_where_all_say_the_same_or_nobody_is_impartial() -> None:
    same = text_evidence([proposal("ada"), proposal("bob")], council=council(*NAMES))
    assert hearing_of(same, NAMES, per_pair=3) is None
    assert hearing_of(texts("ada", "bob"), ("ada", "bob"), per_pair=3) is None
    assert hearing_of(texts("ada", "bob"), NAMES, per_pair=0) is None
    assert hearing_of(replace(same, proposals=()), NAMES, per_pair=3) is None


def duelling() -> Evidence:
    """Four of eight answers say 5 and four say 6; one input tells them apart."""
    names = [f"dev{n}" for n in range(8)]
    answers = [proposal(name, f"def f(x): return {n}") for n, name in enumerate(names)]
    behaviours = {f"{name}.0": {"1": "5" if n < 4 else "6", "2": "7"} for n, name in enumerate(names)}
    evidence = text_evidence(answers, council=council(*names))
    return replace(evidence, behaviours=behaviours, inputs={"1": 1.0, "2": 1.0})


def test_two_close_clusters_fight_a_duel_on_the_input_that_tells_them_apart() -> None:
    evidence = duelling()
    names = [agent.agent_id for agent in evidence.council.agents]
    found = hearing_of(evidence, names, per_pair=3)
    assert found is not None
    assert found.question == "1"
    assert sorted(found.texts.values()) == ["5", "6"]
    first = decide(evidence).ranking[0].proposal_id
    assert first in found.texts
    against = next(pid for pid in found.texts if pid != first)
    ballots = [
        Ballot(showing=s, preferred="first" if s.first == against else "second")
        for own in found.showings.values()
        for s in own
    ]
    turned = decide(replace(evidence, ballots=tuple(ballots)))
    assert turned.ranking[0].proposal_id == against
    assert turned.tiers[-1].tier == "duel"


def test_a_judge_that_goes_by_the_order_is_told() -> None:
    evidence = texts("ada", "bob", "cyd")
    found = hearing(evidence)
    ballots = [
        Ballot(
            showing=s,
            preferred="first" if judge == "fay" or _before(s.first, s.second) else "second",
        )
        for judge, own in found.showings.items()
        for s in own
    ]
    judged = decide(replace(evidence, ballots=tuple(ballots), canaries=CANARIES))
    assert judged.tiers[-1].note == "judge fay went by the order in 100% of its pairs"
    assert [p.proposal_id for p in judged.ranking] == ["ada.0", "bob.0", "cyd.0"]


def test_ballots_that_name_strangers_or_come_from_them_change_nothing() -> None:
    evidence = texts("ada", "bob", "cyd")
    forged = (
        Ballot(showing=Showing(judge="mallory", first="ada.0", second="bob.0"), preferred="first"),
        Ballot(showing=Showing(judge="mallory", first="bob.0", second="ada.0"), preferred="second"),
        Ballot(showing=Showing(judge="dan", first="nobody.0", second="bob.0"), preferred="first"),
    )
    judged = decide(replace(evidence, ballots=forged, canaries=CANARIES))
    assert {p.score["judge"] for p in judged.ranking} == {0.5}


FAMILIES = {f"{model}{n}": f"vllm:{model}" for model in ("ash", "elm", "oak") for n in range(3)}
"""Nine agents of three models."""


def _loving(rng: random.Random, judge: str, showing: Showing, true_order: Sequence[str]) -> Preference:
    """Takes its own model's answer in nine of ten cases, else the first in two of ten, and errs in three of twenty."""
    first, second = (FAMILIES[pid.removesuffix(".0")] for pid in (showing.first, showing.second))
    if first != second and FAMILIES[judge] in (first, second) and rng.random() < 0.9:
        return "first" if FAMILIES[judge] == first else "second"
    if rng.random() < 0.2:
        return "first"
    is_first = true_order.index(showing.first) < true_order.index(showing.second)
    return "first" if is_first == (rng.random() >= 0.15) else "second"


def test_models_that_love_their_own_words_do_not_spoil_the_order_where_others_can_judge() -> None:
    rng = random.Random(5)
    answers = [proposal(name, f"The design of {name}.") for name in ("ash0", "elm0", "oak0", "ash1")]
    agents = tuple(
        agent.model_copy(update={"model": FAMILIES[agent.agent_id]}) for agent in council(*FAMILIES).agents
    )
    recovered = majority = 0
    for seed in range(150):
        true_order = [answer.proposal_id for answer in answers]
        rng.shuffle(true_order)
        evidence = text_evidence(answers, council=Council(agents=agents, quorum=1))
        found = hearing_of(replace(evidence, seed=seed), list(FAMILIES), per_pair=3)
        assert found is not None
        judged = judge_all(_heard(rng, found, true_order), _AUTHORS, reliability={})
        recovered += list(judged.order) == true_order
        majority += all(sum(rng.random() >= 0.15 for _ in range(3)) >= 2 for _ in combinations(true_order, 2))
    assert recovered >= majority


_AUTHORS = {f"{name}.0": frozenset({name}) for name in ("ash0", "elm0", "oak0", "ash1")}


def _heard(rng: random.Random, found: Hearing, true_order: Sequence[str]) -> list[Ballot]:
    ballots = []
    for judge, own in found.showings.items():
        for showing in own[::2]:
            if {showing.first, showing.second} & CANARIES:
                continue
            for turn in range(TURNS):
                both = both_orders(judge, showing.first, showing.second, seed=1, turn=turn)
                said = [_loving(rng, judge, one, true_order) for one in both]
                ballots += [Ballot(showing=s, preferred=p) for s, p in zip(both, said, strict=True)]
                if said[0] != said[1]:
                    break
    return ballots
