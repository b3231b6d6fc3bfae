import random
from collections.abc import Callable, Mapping, Sequence

import pytest
from council_evidence import proposal, text_evidence

from swe_ai_fleet.ranking.decide import decide
from swe_ai_fleet.ranking.evidence import Ballot, Preference, Showing
from swe_ai_fleet.ranking.judging import Judgement, judge_all, last_verdict, showings

AUTHORS = {"ada.0": "ada", "bob.0": "bob", "cyd.0": "cyd", "dan.0": "dan"}
TRUE_ORDER = ("bob.0", "dan.0", "ada.0", "cyd.0")
Judge = Callable[[Showing], Preference | None]


def better(showing: Showing) -> Preference:
    return "first" if TRUE_ORDER.index(showing.first) < TRUE_ORDER.index(showing.second) else "second"


def ask(judges: Mapping[str, Judge], *, canaries: Sequence[str] = ()) -> list[Ballot]:
    asked = showings(AUTHORS, judges, seed=3, canaries=canaries)
    return [Ballot(showing=one, preferred=judges[one.judge](one)) for one in asked]


def count(judges: Mapping[str, Judge], *, canaries: Sequence[str] = ()) -> Judgement:
    return judge_all(ask(judges, canaries=canaries), AUTHORS, reliability={}, canaries=canaries)


def test_honest_judges_give_the_true_order() -> None:
    judged = count({"ada": better, "eve": better, "fay": better})
    assert judged.order == TRUE_ORDER
    assert judged.condorcet_winner == "bob.0"
    assert not judged.has_cycle


def test_nobody_is_asked_about_its_own_answer_and_such_a_ballot_does_not_count() -> None:
    assert all(AUTHORS[s.first] != "ada" != AUTHORS[s.second] for s in showings(AUTHORS, ["ada"], seed=1))
    selfish = [
        Ballot(showing=Showing(judge="cyd", first="cyd.0", second="bob.0"), preferred="first"),
        Ballot(showing=Showing(judge="cyd", first="bob.0", second="cyd.0"), preferred="second"),
    ]
    assert (
        judge_all([*ask({"eve": better}), *selfish], AUTHORS, reliability={"cyd": 50.0}).order == TRUE_ORDER
    )


def test_a_judge_that_follows_the_position_says_nothing() -> None:
    judged = count(
        {"eve": better, "pos": lambda _: "first", "qos": lambda _: "first", "ros": lambda _: "first"}
    )
    assert judged.order == TRUE_ORDER
    assert judged.flips["pos"] == 1.0
    assert judged.flips["eve"] == 0.0


def test_an_unparsable_answer_is_a_tie_and_costs_the_judge_weight() -> None:
    judged = count({"eve": lambda s: better(s) if s.first == "ada.0" else None})
    assert judged.unparsable["eve"] == 0.75
    assert set(judged.shares.values()) == {0.5}


def test_the_order_of_the_questions_comes_from_the_seed() -> None:
    one, other = showings(AUTHORS, ["eve"], seed=1), showings(AUTHORS, ["eve"], seed=2)
    assert one == showings(AUTHORS, ["eve"], seed=1)
    assert one != other
    assert sorted(one, key=str) == sorted(other, key=str)
    assert len(one) == 12


def test_a_judge_that_prefers_a_planted_answer_is_switched_off() -> None:
    def gullible(showing: Showing) -> Preference:
        if "canary" in (showing.first, showing.second):
            return "first" if showing.first == "canary" else "second"
        return "second" if better(showing) == "first" else "first"

    def careful(showing: Showing) -> Preference:
        if "canary" in (showing.first, showing.second):
            return "second" if showing.first == "canary" else "first"
        return better(showing)

    judged = count({"eve": careful, "gus": gullible, "hal": gullible}, canaries=["canary"])
    assert judged.order == TRUE_ORDER
    assert set(judged.disabled) == {"gus", "hal"}


def test_a_cycle_is_reported_and_borda_decides() -> None:
    wins = {("ada.0", "bob.0"), ("bob.0", "cyd.0"), ("cyd.0", "ada.0")}
    wins |= {(pid, "dan.0") for pid in ("ada.0", "bob.0", "cyd.0")}
    judged = count({"eve": lambda s: "first" if (s.first, s.second) in wins else "second"})
    assert judged.has_cycle
    assert judged.condorcet_winner is None
    assert judged.order[-1] == "dan.0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"preferred": "second"}', "second"),
        ('The answer said {"preferred": "first"}. I say {"preferred": "tie", "reason": "equal"} .', "tie"),
        ('```json\n{"preferred": "first"}\n```', "first"),
        ('{"preferred": "first"} {"preferred": "me"}', "first"),
        ('{"preferred": "first", "winner": "x"}', None),
        ('{"outer": {"preferred": "first"}}', None),
        ("{" * 50_000, None),
        ('["first"]', None),
        ("", None),
    ],
)
def test_only_the_last_valid_verdict_counts(text: str, expected: str | None) -> None:
    assert last_verdict(text) == expected


def test_ballots_rank_text_and_the_switched_off_judge_is_on_the_record() -> None:
    answers = [proposal(name, f"Design {name}.") for name in ("ada", "bob", "cyd", "dan")]

    def gullible(showing: Showing) -> Preference:
        return "first" if showing.first in ("canary", "cyd.0") else "second"

    def honest(showing: Showing) -> Preference:
        if showing.first == "canary":
            return "second"
        return "first" if showing.second == "canary" else better(showing)

    ballots = ask({"ada": honest, "bob": honest, "eve": gullible}, canaries=["canary"])
    evidence = text_evidence(answers, ballots=tuple(ballots), canaries=frozenset({"canary"}))
    agents = evidence.council.agents
    extra = agents[0].model_copy(update={"agent_id": "eve"})
    council = evidence.council.model_copy(update={"agents": (*agents, extra)})
    evidence = text_evidence(answers, ballots=tuple(ballots), canaries=frozenset({"canary"}), council=council)
    ranking = decide(evidence)
    assert [r.proposal_id for r in ranking.ranking] == list(TRUE_ORDER)
    assert "judge eve is switched off" in ranking.tiers[-1].note


def biased(rng: random.Random, *, noise: float, position: float, own: str) -> Judge:
    """A judge that errs with ``noise``, takes what is shown first with ``position``, and loves its own answer."""

    def preferred(showing: Showing) -> Preference:
        if own in (AUTHORS.get(showing.first), AUTHORS.get(showing.second)):
            return "first" if AUTHORS.get(showing.first) == own else "second"
        if rng.random() < position:
            return "first"
        right = better(showing)
        return right if rng.random() >= noise else ("second" if right == "first" else "first")

    return preferred


def test_biased_judges_recover_the_true_order_as_often_as_the_majority_of_unbiased_ones() -> None:
    rng = random.Random(11)
    names = [*AUTHORS.values(), "eve", "fay", "gus"]
    recovered = majority = 0
    for _ in range(200):
        judges = {n: biased(rng, noise=0.15, position=0.2, own=n) for n in names}
        recovered += count(judges).order == TRUE_ORDER
        majority += _plain_majority(rng, noise=0.15, judges=len(names))
    assert recovered >= majority
    assert recovered > 160


def _plain_majority(rng: random.Random, *, noise: float, judges: int) -> bool:
    """Every pair gets the right majority of as many unbiased judges, each asked once and never about its own answer."""
    return all(
        sum(rng.random() >= noise for _ in range(judges - 2)) > (judges - 2) / 2
        for place, _ in enumerate(TRUE_ORDER)
        for _ in TRUE_ORDER[place + 1 :]
    )
