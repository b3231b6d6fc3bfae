import itertools
import random
from collections.abc import Callable, Mapping, Sequence

import pytest
from council_evidence import proposal, text_evidence

from swe_ai_fleet.domain.review import Ballot, Preference, Showing
from swe_ai_fleet.ranking.decide import decide
from swe_ai_fleet.ranking.hearings import TURNS, both_orders
from swe_ai_fleet.ranking.judging import Judgement, judge_all, last_verdict

OF = {"ada.0": "ada", "bob.0": "bob", "cyd.0": "cyd", "dan.0": "dan"}
AUTHORS = {pid: frozenset({agent}) for pid, agent in OF.items()}
TRUE_ORDER = ("bob.0", "dan.0", "ada.0", "cyd.0")
Judge = Callable[[Showing], Preference | None]


def better(showing: Showing) -> Preference:
    return "first" if TRUE_ORDER.index(showing.first) < TRUE_ORDER.index(showing.second) else "second"


def ask(judges: Mapping[str, Judge], *, canaries: Sequence[str] = (), turns: int = 1) -> list[Ballot]:
    """Everybody about every pair of others' answers; what flips is asked again."""
    ballots = []
    for judge, answer in judges.items():
        shown = sorted({*(pid for pid in OF if OF[pid] != judge), *canaries})
        for one, other in itertools.combinations(shown, 2):
            for turn in range(turns):
                both = both_orders(judge, one, other, seed=3, turn=turn)
                said = [answer(showing) for showing in both]
                ballots += [Ballot(showing=s, preferred=p) for s, p in zip(both, said, strict=True)]
                if said[0] != said[1] or said[0] is None:
                    break
    return ballots


def count(judges: Mapping[str, Judge], *, canaries: Sequence[str] = (), turns: int = 1) -> Judgement:
    ballots = ask(judges, canaries=canaries, turns=turns)
    return judge_all(ballots, AUTHORS, reliability={}, canaries=canaries)


def test_honest_judges_give_the_true_order() -> None:
    judged = count({"ada": better, "eve": better, "fay": better})
    assert judged.order == TRUE_ORDER
    assert judged.condorcet_winner == "bob.0"
    assert not judged.has_cycle


def test_a_ballot_on_ones_own_answer_or_on_a_copy_of_it_does_not_count() -> None:
    selfish = [
        Ballot(showing=Showing(judge="cyd", first="cyd.0", second="bob.0"), preferred="first"),
        Ballot(showing=Showing(judge="cyd", first="bob.0", second="cyd.0"), preferred="second"),
    ]
    ballots = [*ask({"eve": better}), *selfish]
    assert judge_all(ballots, AUTHORS, reliability={"cyd": 50.0}).order == TRUE_ORDER
    copied = AUTHORS | {"bob.0": frozenset({"bob", "eve"})}
    assert judge_all(ask({"eve": better}), copied, reliability={}).shares["bob.0"] == 0.5


def test_a_judge_that_follows_the_position_says_nothing() -> None:
    judged = count(
        {"eve": better, "pos": lambda _: "first", "qos": lambda _: "first", "ros": lambda _: "first"}
    )
    assert judged.order == TRUE_ORDER
    assert judged.flips["pos"] == 1.0
    assert judged.flips["eve"] == 0.0


def test_a_pair_that_flipped_counts_as_it_was_answered_the_second_time() -> None:
    said = iter(["first", "first", "first", "second"])
    pair = [
        *both_orders("eve", "ada.0", "bob.0", seed=3),
        *both_orders("eve", "ada.0", "bob.0", seed=3, turn=1),
    ]
    ordered = [showing for turn in (0, 1) for showing in pair if showing.turn == turn]
    ordered.sort(key=lambda s: (s.turn, s.first != "ada.0"))
    ballots = [Ballot.model_validate({"showing": s, "preferred": next(said)}) for s in ordered]
    judged = judge_all(ballots, AUTHORS, reliability={})
    assert judged.shares["ada.0"] == 1.0
    assert judged.flips["eve"] == 1.0
    assert judge_all(ballots[:2], AUTHORS, reliability={}).shares["ada.0"] == 0.5


def test_an_unparsable_answer_is_a_tie_and_costs_the_judge_weight() -> None:
    judged = count({"eve": lambda s: better(s) if s.first == "ada.0" else None})
    assert judged.unparsable["eve"] == 0.75
    assert set(judged.shares.values()) == {0.5}


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

    ballots = ask({"ada": honest, "bob": honest, "cyd": honest, "eve": gullible}, canaries=["canary"])
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
        if own in (OF.get(showing.first), OF.get(showing.second)):
            return "first" if OF.get(showing.first) == own else "second"
        if rng.random() < position:
            return "first"
        right = better(showing)
        return right if rng.random() >= noise else ("second" if right == "first" else "first")

    return preferred


@pytest.mark.parametrize("noise", [0.1, 0.15, 0.25])
@pytest.mark.parametrize("position", [0.0, 0.2, 0.3, 0.4])
def test_biased_judges_recover_the_true_order_as_often_as_the_majority_of_unbiased_ones(
    noise: float, position: float
) -> None:
    rng = random.Random(11)
    names = [*OF.values(), "eve", "fay", "gus"]
    recovered = majority = 0
    for _ in range(300):
        judges = {n: biased(rng, noise=noise, position=position, own=n) for n in names}
        recovered += count(judges, turns=TURNS).order == TRUE_ORDER
        majority += _by_majorities(rng, noise=noise, judges=names) == TRUE_ORDER
    assert recovered >= majority


def _by_majorities(rng: random.Random, *, noise: float, judges: Sequence[str]) -> tuple[str, ...]:
    """The order by pairs won where as many unbiased judges are asked once about every pair of others' answers."""
    wins = dict.fromkeys(TRUE_ORDER, 0)
    for good, bad in itertools.combinations(TRUE_ORDER, 2):
        able = [judge for judge in judges if judge not in (OF[good], OF[bad])]
        right = sum(rng.random() >= noise for _ in able)
        wins[good if 2 * right > len(able) else bad] += 1
    return tuple(sorted(wins, key=lambda pid: (-wins[pid], rng.random())))
