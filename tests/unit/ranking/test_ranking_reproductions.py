"""Proposed tests of a repository: which of them show something, and what they decide."""

from typing import Any

import pytest
from council_evidence import code_evidence, proposal, report

from swe_ai_fleet.domain.check import CheckStatus, Trial
from swe_ai_fleet.domain.ranking import Ranking, TierVerdict
from swe_ai_fleet.ranking.decide import decide
from swe_ai_fleet.ranking.evidence import Reproduction
from swe_ai_fleet.ranking.reproductions import counting, reproductions_of

ANSWERS = ("ada.0", "bob.0")


def trial(on: str, status: str = "failed", **cases: Any) -> Trial:
    return Trial(on=on, status=CheckStatus(status), cases=cases)


def shown(*trials: Trial) -> dict[str, tuple[bool, frozenset[str]]]:
    """By case: whether it fails before, and who passes."""
    tests = reproductions_of("tester-1.0", "tester-1", trials, ANSWERS)
    return {test.test_id: (test.fails_on_base, test.passed_by) for test in tests}


def test_each_case_is_a_test_of_its_own() -> None:
    base = trial("base", a="failed", b="passed", c="skipped")
    ada = trial("ada.0", "passed", a="passed", b="passed", c="passed")
    bob = trial("bob.0", a="failed", b="passed", c="passed")
    both = frozenset(ANSWERS)
    assert shown(base, ada, bob) == {
        "tester-1.0::a": (True, frozenset({"ada.0"})),
        "tester-1.0::b": (False, both),
        "tester-1.0::c": (False, both),
    }


def test_a_file_that_the_unchanged_commit_cannot_import_fails_there_case_by_case() -> None:
    base = trial("base", **{"test_new.py": "failed"})
    ada = trial("ada.0", "passed", **{"test_new.py::test_a": "passed"})
    found = shown(base, ada)
    assert found["tester-1.0::test_new.py::test_a"] == (True, frozenset({"ada.0"}))
    assert found["tester-1.0::test_new.py"] == (True, frozenset())


@pytest.mark.parametrize("status", ["error", "timeout"])
def test_runs_that_are_no_verdict_say_nothing(status: str) -> None:
    base, ada = trial("base", a="failed"), trial("ada.0", "passed", a="passed")
    assert shown(trial("base", status, a="failed"), ada) == {}
    assert shown(base, trial("ada.0", status, a="passed")) == {"tester-1.0::a": (True, frozenset())}


def test_strangers_among_the_trials_pass_nothing() -> None:
    found = shown(trial("base", a="failed"), trial("zoe.0", "passed", a="passed"))
    assert found == {"tester-1.0::a": (True, frozenset())}


def test_the_order_of_trials_does_not_matter_and_a_test_counts_once() -> None:
    trials = [trial("base", a="failed"), trial("ada.0", "passed", a="passed"), trial("bob.0", a="failed")]
    tests = reproductions_of("t.0", "t", trials, ANSWERS)
    assert reproductions_of("t.0", "t", trials[::-1], ANSWERS) == tests
    assert counting([*tests, *tests]) == tests


def ranked(*tests: Reproduction, agents: str = "ada bob cyd") -> Ranking:
    """Of answers that all pass the visible checks, with patches that differ."""
    answers = [proposal(name) for name in agents.split()]
    reports = [report(f"{name}.0", patch=name) for name in agents.split()]
    return decide(code_evidence(answers, reports, reproductions=tests))


def reproduction(author: str, *passed_by: str, before: bool = False, test_id: str = "t") -> Reproduction:
    return Reproduction(
        test_id=test_id, author=author, fails_on_base=not before, passed_by=frozenset(passed_by)
    )


def test_a_reproduction_separates_answers_that_pass_the_same_visible_checks() -> None:
    before = ranked()
    after = ranked(reproduction("qa", "cyd.0"))
    assert len(before.clusters) == 1
    assert after.ranking[0].proposal_id == "cyd.0"
    assert [sorted(cluster) for cluster in after.clusters] == [["cyd.0"], ["ada.0", "bob.0"]]
    assert "cyd.0 leads" in after.reason
    assert "reproduction" in after.reason


def test_what_fails_where_the_winner_passes_is_not_likely_right_as_well() -> None:
    first, *others = ranked(reproduction("qa", "cyd.0")).ranking
    assert all(one.p_correct <= 1 - first.p_correct for one in others)


def test_an_authors_test_does_not_boost_its_own_answer_and_both_figures_are_told() -> None:
    by_ada = ranked(reproduction("ada", "ada.0"))
    scores = {one.agent_id: one.score for one in by_ada.ranking}
    assert scores["ada"]["reproduction"] == scores["bob"]["reproduction"] == 0.0
    assert scores["ada"]["reproduction_with_own_tests"] == 1.0
    assert list(scores["ada"])[-1] == "reproduction_with_own_tests"
    order = [one.proposal_id for one in ranked().ranking]
    assert [one.proposal_id for one in by_ada.ranking] == order


def tier(ranking: Ranking, name: str) -> TierVerdict:
    return next(one for one in ranking.tiers if one.tier == name)


def test_the_tiers_tell_what_counts_and_why_the_rest_does_not() -> None:
    ranking = ranked(
        reproduction("qa", "cyd.0", test_id="a"),
        reproduction("qa", "ada.0", "bob.0", before=True, test_id="b"),
        reproduction("qa", test_id="c"),
    )
    assert tier(ranking, "agreement").kept == ("ada.0", "bob.0", "cyd.0")
    assert tier(ranking, "reproduction").kept == ("cyd.0",)
    assert tier(ranking, "reproduction").note == (
        "1 of 3 proposed tests count; 1 do not fail on the unchanged commit; 1 pass on no answer;"
        " a passes on 1 of 3"
    )


def test_without_proposed_tests_there_is_no_such_tier() -> None:
    ranking = ranked()
    assert "reproduction" not in {one.tier for one in ranking.tiers}
    assert "reproduction" not in ranking.ranking[0].score
