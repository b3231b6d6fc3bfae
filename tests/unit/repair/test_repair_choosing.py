"""Which of several candidates that pass is proposed, and how sure that is."""

from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.choosing import choose
from swe_ai_fleet.repair.said import Behaviours
from swe_ai_fleet.repair.search import Plausible
from swe_ai_fleet.repair.source import Edit


def _plausible(cost: float, family: str = "variable") -> Plausible:
    edit = Edit("m.py", 0, 1, f"{family} {cost}")
    candidate = Candidate(edits=(edit,), families=(family,), suspects=(), cost=cost)
    return Plausible(candidate=candidate, touching=1, found_after_s=1.0)


def _seen(*outputs: str, base: str) -> Behaviours:
    told = {place: list(text) for place, text in enumerate(outputs)} | {-1: base.split(",")}
    expanded = {place: (["!E" if o == "!" else o for o in text]) for place, text in told.items()}
    return Behaviours(from_passing=(False,) * len(expanded[-1]), outputs=expanded)


def test_without_a_comparison_the_prior_decides() -> None:
    best, other = choose([_plausible(3.0), _plausible(2.0)], None)
    assert (best.plausible.candidate.cost, best.inputs) == (2.0, 0)
    assert best.p_best > other.p_best


def test_the_one_that_keeps_the_answers_of_the_unchanged_code_wins() -> None:
    seen = _seen("x" * 40, "y" * 40, base=",".join("y" * 40))
    best, other = choose([_plausible(2.0), _plausible(3.0)], seen)
    assert (best.plausible.candidate.cost, best.restraint, other.restraint) == (3.0, 1.0, 0.0)
    assert best.score > other.score


def test_the_one_that_still_meets_the_failures_own_exception_loses() -> None:
    seen = _seen("!" * 20 + "y" * 20, "y" * 40, base=",".join(["!E"] * 40))
    best, _ = choose([_plausible(2.0), _plausible(3.0)], seen, symptoms=frozenset({"E"}))
    assert best.plausible.candidate.cost == 3.0


def test_what_behaves_like_a_deletion_is_suspected_of_silencing_the_test() -> None:
    seen = _seen("xxy", "xxy", "xyx", base="!E,!E,!E")
    best, *_ = choose([_plausible(2.0), _plausible(2.5, "statement deleted"), _plausible(2.4)], seen)
    assert best.plausible.candidate.cost == 2.4


def test_candidates_that_behave_alike_are_one_voice_and_the_likeliest_of_them_speaks() -> None:
    seen = _seen("xxx", "yyy", "yyy", "yyy", base="!E,!E,!E")
    choices = choose([_plausible(1.0), _plausible(3.0), _plausible(3.1), _plausible(3.2)], seen)
    assert choices[0].plausible.candidate.cost == 1.0
    assert [choice.alike for choice in choices] == [1, 3, 3, 3]
    assert 0.0 < sum({choice.p_best for choice in choices}) < 1.0
