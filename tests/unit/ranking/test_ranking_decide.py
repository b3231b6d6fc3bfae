import math

import pytest
from council_evidence import code_evidence, council, critique, proposal, report, text_evidence

from swe_ai_fleet.domain.check import CheckResult, CheckStatus
from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.domain.ranking import Ranking
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.ranking.decide import decide, safe_to_stop

REPAIRS = {"a": "passed", "b": "passed"}
LEAVES = {"a": "passed", "b": "failed"}
BREAKS = {"a": "failed", "b": "passed"}


def order(ranking: Ranking) -> list[str]:
    return [ranked.proposal_id for ranked in ranking.ranking]


def test_what_repairs_beats_what_leaves_beats_what_breaks_beats_what_does_not_apply() -> None:
    agents = ["ada", "bob", "cyd", "dan"]
    ranking = decide(
        code_evidence(
            [proposal(name) for name in agents],
            [
                report("ada.0", patch=None, results=(), reason="hunk 1 does not fit"),
                report("bob.0", BREAKS, patch="b"),
                report("cyd.0", LEAVES, patch="c"),
                report("dan.0", REPAIRS, patch="d"),
            ],
        )
    )
    assert order(ranking) == ["dan.0", "cyd.0", "bob.0", "ada.0"]
    assert not ranking.abstained
    assert "repairs all 1 failures" in ranking.reason
    assert ranking.ranking[0].p_correct > 0.5 > ranking.ranking[1].p_correct
    assert next(tier.tier for tier in ranking.tiers if len(tier.kept) == 1) == "unresolved"


def test_no_majority_outvotes_a_gate() -> None:
    names = ["ada", "bob", "cyd", "dan", "eve"]
    reports = [report(f"{name}.0", LEAVES, patch="same") for name in names[:4]]
    ranking = decide(
        code_evidence([proposal(n) for n in names], [*reports, report("eve.0", REPAIRS, patch="x")])
    )
    assert order(ranking)[0] == "eve.0"


def test_among_equals_the_patch_that_more_agents_wrote_wins() -> None:
    names = ["ada", "bob", "cyd"]
    reports = [report("ada.0", patch="x"), report("bob.0", patch="y"), report("cyd.0", patch="y")]
    ranking = decide(code_evidence([proposal(n) for n in names], reports))
    assert set(order(ranking)[:2]) == {"bob.0", "cyd.0"}
    assert ranking.ranking[0].score["copies"] > ranking.ranking[2].score["copies"]


def test_a_gate_that_would_empty_the_set_falls_back_and_says_so() -> None:
    reports = [
        report("ada.0", protected_touched=("tests/a.py",)),
        report("bob.0", protected_touched=("x", "y")),
    ]
    ranking = decide(code_evidence([proposal("ada"), proposal("bob")], reports))
    tier = next(tier for tier in ranking.tiers if tier.tier == "protected")
    assert tier.fell_back
    assert tier.kept == ("ada.0",)
    assert ranking.abstained
    assert "protected" in ranking.reason


def test_nothing_applies_is_an_abstention_that_still_ranks() -> None:
    reports = [report(f"{n}.0", patch=None, results=()) for n in ("ada", "bob")]
    ranking = decide(code_evidence([proposal("ada"), proposal("bob")], reports))
    assert ranking.abstained
    assert len(ranking.ranking) == 2


def test_a_failure_that_was_there_before_is_not_held_against_anybody() -> None:
    base = report("base", {"a": "failed", "b": "failed"}, applied=True)
    ranking = decide(code_evidence([proposal("ada")], [report("ada.0", BREAKS)], base=base))
    assert ranking.ranking[0].score["new_failures"] == 0
    assert ranking.ranking[0].score["unresolved"] == 1
    assert not ranking.abstained


def test_a_flaky_case_counts_for_nobody() -> None:
    base = report("base", LEAVES, applied=True, flaky=("tests::a", "tests"))
    reports = [report("ada.0", BREAKS, patch="x"), report("bob.0", REPAIRS, patch="y")]
    ranking = decide(code_evidence([proposal("ada"), proposal("bob")], reports, base=base))
    assert [r.score["new_failures"] for r in ranking.ranking] == [0, 0]


def test_ending_the_test_runner_early_is_worse_than_failing_honestly() -> None:
    silent = CheckResult(name="tests", status=CheckStatus.PASSED, exit_code=0)
    reports = [report("ada.0", patch="x", results=(silent,)), report("bob.0", LEAVES, patch="y")]
    ranking = decide(code_evidence([proposal("ada"), proposal("bob")], reports))
    assert order(ranking) == ["bob.0", "ada.0"]
    assert ranking.abstained


def test_a_check_that_times_out_loses_all_that_passed_before() -> None:
    stuck = CheckResult(name="tests", status=CheckStatus.TIMEOUT)
    reports = [report("ada.0", patch="x", results=(stuck,)), report("bob.0", BREAKS, patch="y")]
    ranking = decide(code_evidence([proposal("ada"), proposal("bob")], reports))
    assert order(ranking)[0] == "bob.0"
    assert ranking.ranking[1].checks.errors == 1


def test_a_new_case_that_fails_is_a_new_failure() -> None:
    cases = {"a": "passed", "b": "passed", "c": "failed"}
    ranking = decide(code_evidence([proposal("ada")], [report("ada.0", cases)]))
    assert ranking.ranking[0].score["new_failures"] == 1


def test_a_base_whose_tests_cannot_start_is_repaired_by_what_starts_them() -> None:
    broken = CheckResult(name="tests", status=CheckStatus.FAILED, exit_code=2)
    base = report("base", patch=None, applied=True, results=(broken,))
    reports = [report("ada.0", LEAVES, patch="x"), report("bob.0", REPAIRS, patch="y")]
    ranking = decide(code_evidence([proposal("ada"), proposal("bob")], reports, base=base))
    assert order(ranking)[0] == "bob.0"
    assert not ranking.abstained


def test_repairing_nothing_is_no_decision() -> None:
    ranking = decide(code_evidence([proposal("ada")], [report("ada.0", LEAVES)]))
    assert ranking.abstained
    assert "repairs any" in ranking.reason


def test_an_unchecked_answer_ranks_behind_a_checked_one() -> None:
    ranking = decide(code_evidence([proposal("ada"), proposal("bob")], [report("bob.0")]))
    assert order(ranking) == ["bob.0", "ada.0"]


def test_a_revision_takes_its_authors_vote_along_only_if_it_survives() -> None:
    answers = [proposal("ada"), proposal("ada", round_=1), proposal("bob")]
    reports = [report("ada.0", patch="x"), report("ada.1", BREAKS, patch="z"), report("bob.0", patch="x")]
    ranking = decide(code_evidence(answers, reports))
    assert set(order(ranking)[:2]) == {"ada.0", "bob.0"}
    assert ranking.ranking[0].support == 1.0
    assert ranking.ranking[0].score["copies"] == 1.0


def test_ties_go_by_reliability_then_confidence_then_cost() -> None:
    def winner(reliability: dict[str, float], confidence: tuple[float | None, float | None]) -> str:
        answers = [
            proposal("ada", confidence=confidence[0], usage=Usage(completion_tokens=10)),
            proposal("bob", confidence=confidence[1], usage=Usage(completion_tokens=9)),
        ]
        reports = [report("ada.0", patch="x"), report("bob.0", patch="y")]
        both = {name: reliability.get(name, 1.0) for name in ("ada", "bob")}
        return order(decide(code_evidence(answers, reports, reliability=both)))[0]

    assert winner({"ada": 1.5}, (-2.0, -1.0)) == "ada.0"
    assert winner({}, (-0.5, -1.0)) == "ada.0"
    assert winner({}, (None, None)) == "bob.0"
    assert winner({}, (None, -3.0)) == "bob.0"


def test_a_searching_agents_prior_breaks_ties_and_nobody_elses_does() -> None:
    answers = [proposal("ada", evidence={"prior": 0.1}), proposal("bob", evidence={"prior": 0.9})]
    reports = [report("ada.0", patch="x"), report("bob.0", patch="y")]
    searching = code_evidence(answers, reports, council=council("ada", "bob", model="offline:repair"))
    assert decide(searching).ranking[0].proposal_id == "bob.0"
    asking = decide(code_evidence(answers, reports))
    assert {ranked.score["prior"] for ranked in asking.ranking} == {0.0}


def test_numbers_that_are_none_count_as_unknown() -> None:
    answers = [
        proposal("ada", confidence=float("nan"), evidence={"prior": "high"}),
        proposal("bob", confidence=float("-inf")),
    ]
    reports = [report("ada.0"), report("bob.0")]
    weights = {"ada": float("nan"), "bob": -1.0, "nobody": 9.0}
    ranking = decide(code_evidence(answers, reports, reliability=weights))
    assert all(math.isfinite(value) for ranked in ranking.ranking for value in ranked.score.values())
    assert ranking.ranking[0].support == 1.0


def test_no_answers_no_ranking() -> None:
    ranking = decide(code_evidence([], []))
    assert ranking == Ranking(abstained=True, reason="There is no answer to rank.")
    assert not safe_to_stop(code_evidence([], []), expected=3)


def test_checks_that_qa_agents_propose_are_no_answers() -> None:
    ranking = decide(code_evidence([proposal("ada"), proposal("qa", kind="checks")], [report("ada.0")]))
    assert order(ranking) == ["ada.0"]


def test_reports_and_critiques_of_strangers_are_ignored() -> None:
    evidence = code_evidence(
        [proposal("ada")], [report("ada.0"), report("zoe.0")], critiques=(critique("zoe", "ada.0", 0.0),)
    )
    assert decide(evidence).ranking[0].score["judge"] == 0.5


def test_text_answers_are_ranked_by_their_peers_without_the_author() -> None:
    remarks = [
        critique("ada", "ada.0", 1.0, "accept"),
        critique("bob", "ada.0", 0.2, "reject"),
        critique("cyd", "ada.0", 0.3, "reject"),
        critique("ada", "bob.0", 0.8, "accept"),
        critique("cyd", "bob.0", 0.9, "accept"),
    ]
    ranking = decide(text_evidence([proposal("ada", "Use a queue."), proposal("bob", "Use a log.")], remarks))
    assert order(ranking) == ["bob.0", "ada.0"]
    assert next(iter(ranking.ranking[0].score)) == "judge"
    assert not ranking.abstained


def test_copying_an_answer_does_not_lift_it_over_a_better_judged_one() -> None:
    answers = [
        proposal("ada", "Use a queue."),
        proposal("bob", "Use  a\nqueue."),
        proposal("cyd", "Use a log."),
    ]
    remarks = [critique("cyd", "ada.0", 0.4), critique("ada", "cyd.0", 0.6), critique("bob", "cyd.0", 0.6)]
    assert order(decide(text_evidence(answers, remarks)))[0] == "cyd.0"


def test_answers_that_quote_the_same_code_and_say_the_opposite_are_no_copies() -> None:
    quoted = "```python\ndef q(db, n):\n    return db.execute(f'select {n}')\n```\n"
    answers = [
        proposal("dev-1", f"Safe.\n\n{quoted}"),
        proposal("dev-2", f"Not safe: an injection.\n\n{quoted}"),
    ]
    assert len(decide(text_evidence(answers)).clusters) == 2


@pytest.mark.parametrize("agents", [1, 6])
def test_functions_that_return_nothing_are_no_decision(agents: int) -> None:
    answers = [proposal(f"dev-{n}", "I cannot help with that.") for n in range(agents)]
    task = Task(description="Write f(n).", entry_point="f")
    nothing: dict[str, dict[str, str]] = {answer.proposal_id: {} for answer in answers}
    ranking = decide(text_evidence(answers, task=task, behaviours=nothing, inputs={"1": 1.0, "2": 1.0}))
    assert ranking.abstained
    assert "returns nothing" in ranking.reason


def test_numbers_beyond_all_reason_are_ranked_all_the_same() -> None:
    dear = Usage(prompt_tokens=10**400)
    answers = [proposal("dev-1", "a", usage=dear), proposal("dev-2", "b"), proposal("dev-3", "c")]
    sure = [answer.model_copy(update={"confidence": 1e308}) for answer in answers]
    assert len(decide(text_evidence(sure)).ranking) == 3


def test_empty_text_is_no_decision() -> None:
    assert decide(text_evidence([proposal("ada", " \n"), proposal("bob", "")])).abstained


def test_test_cases_that_a_patch_brings_itself_earn_it_nothing() -> None:
    own = {f"own_{index}": "passed" for index in range(50)}
    reports = [report("ada.0", REPAIRS), report("bob.0", REPAIRS), report("cyd.0", REPAIRS | own, patch="z")]
    ranking = decide(code_evidence([proposal("ada"), proposal("bob"), proposal("cyd")], reports))
    assert order(ranking)[2] == "cyd.0"
    assert len({ranked.score["agreement"] for ranked in ranking.ranking}) == 1


def test_the_dissent_says_what_it_does_differently() -> None:
    names = ["ada", "bob", "cyd"]
    base = report("base", {"a": "passed", "b": "failed", "c": "failed"}, applied=True)
    one, other = {"a": "passed", "b": "passed", "c": "failed"}, {"a": "passed", "b": "failed", "c": "passed"}
    reports = [report("ada.0", one), report("bob.0", one, patch="y"), report("cyd.0", other)]
    ranking = decide(code_evidence([proposal(n) for n in names], reports, base=base))
    assert set(ranking.clusters[0]) == {"ada.0", "bob.0"}
    assert ranking.dissent[0].proposal_ids == ("cyd.0",)
    assert ranking.dissent[0].reason == "tests::b: failed instead of passed"
    assert ranking.margin == round(1 / 3, 6)


def test_safe_once_the_votes_still_out_cannot_change_the_leader() -> None:
    answers = [proposal("ada"), proposal("bob"), proposal("cyd")]
    reports = [report("ada.0"), report("bob.0"), report("cyd.0")]
    evidence = code_evidence(answers, reports)
    assert safe_to_stop(evidence, expected=5)
    assert not safe_to_stop(evidence, expected=7)
    assert not safe_to_stop(code_evidence(answers, reports[:1]), expected=3)


def test_never_safe_while_nobody_repairs_it() -> None:
    answers = [proposal("ada"), proposal("bob"), proposal("cyd")]
    reports = [report(f"{name}.0", LEAVES) for name in ("ada", "bob", "cyd")]
    assert not safe_to_stop(code_evidence(answers, reports), expected=3)


def test_a_searching_council_is_safe_with_one_verified_answer_once_what_else_is_there_was_checked() -> None:
    agents = council("ada", "bob", "cyd", model="offline:repair")
    verified = code_evidence([proposal("ada")], [report("ada.0")], council=agents)
    assert safe_to_stop(verified, expected=3)
    both = [proposal("ada"), proposal("bob")]
    assert not safe_to_stop(code_evidence(both, [report("ada.0")], council=agents), expected=3)
    assert safe_to_stop(code_evidence(both, [report("ada.0"), report("bob.0")], council=agents), expected=3)
    broken = code_evidence([proposal("ada")], [report("ada.0", LEAVES)], council=agents)
    assert not safe_to_stop(broken, expected=3)
