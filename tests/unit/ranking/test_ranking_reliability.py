from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from council_evidence import council, critique, proposal, text_evidence

from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.reliability import (
    MOST_MARKS,
    Mark,
    ReliabilityBook,
    Report,
    TrackRecord,
    task_class_of,
)
from swe_ai_fleet.domain.review import Ballot, Showing
from swe_ai_fleet.domain.task import Constraints, Task
from swe_ai_fleet.ranking.calibration import p_function_correct, p_patch_correct
from swe_ai_fleet.ranking.decide import decide
from swe_ai_fleet.ranking.reliability import (
    agent_key,
    judge_key,
    marks_of_pair,
    marks_of_verdict,
    p_right,
    pooled,
    vote_weight,
    weights_of,
)
from swe_ai_fleet.ranking.stopping import (
    LEAST_GAIN,
    cannot_change,
    is_worth_asking,
    p_leader_leads,
    p_overtaken,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def record(right: int, wrong: int) -> TrackRecord:
    standing = TrackRecord()
    for index in range(right + wrong):
        standing = standing.after(was_right=index < right, at=NOW)
    return standing


def test_unknown_agents_have_one_vote() -> None:
    assert vote_weight(TrackRecord()) == 1.0
    assert p_right(TrackRecord()) == 0.5


def test_being_right_adds_weight_within_bounds() -> None:
    assert vote_weight(record(8, 0)) > vote_weight(record(1, 0)) > 1.0 > vote_weight(record(0, 1))
    assert vote_weight(record(500, 0)) <= 2.0
    assert vote_weight(record(0, 500)) == 0.2


def test_where_little_is_known_of_the_agent_its_model_speaks_for_it() -> None:
    assert p_right(TrackRecord(), model=record(30, 0)) > 0.8
    assert p_right(record(0, 20), model=record(30, 0)) < 0.3


def test_outcomes_count_half_after_ninety_days_whatever_their_order() -> None:
    later = NOW + timedelta(days=90)
    assert record(4, 0).at(later).right == pytest.approx(2.0)
    forth = TrackRecord().after(was_right=True, at=NOW).after(was_right=False, at=later)
    back = TrackRecord().after(was_right=False, at=later).after(was_right=True, at=NOW)
    assert (forth.right, forth.wrong) == pytest.approx((back.right, back.wrong))
    assert pooled([record(1, 0), record(0, 1)], at=NOW).outcomes == 2


DEV = AgentSpec(agent_id="dev-1", role="DEV", model="vllm:Qwen/Qwen3")


def test_an_agent_is_known_by_model_role_and_id_and_a_judge_by_its_model() -> None:
    assert agent_key(DEV) == "agent/vllm:Qwen_Qwen3/DEV/dev-1"
    assert judge_key(DEV) == "judge/vllm:Qwen_Qwen3"


def test_tasks_are_classed_by_role_and_by_whether_there_is_code_unless_the_user_names_a_class() -> None:
    assert task_class_of(Task(description="x", repo=".")) == "DEV-code"
    assert task_class_of(Task(description="x", role="ARCHITECT")) == "ARCHITECT-text"
    named = Constraints(metadata={"task_class": "bugfix"})
    assert task_class_of(Task(description="x", constraints=named)) == "bugfix"
    no_token = Constraints(metadata={"task_class": "a.b > c"})
    assert task_class_of(Task(description="x", constraints=no_token)) == "DEV-text"


def report(*marks: tuple[str, bool], days: float = 0) -> Report:
    found = tuple(Mark(whose=whose, was_right=was_right) for whose, was_right in marks)
    return Report(marks=found, at=NOW + timedelta(days=days))


def test_a_report_counts_once_and_another_verdict_takes_its_place() -> None:
    book = ReliabilityBook(task_class="DEV-code")
    once = book.with_report("d1/dev-1.0", report(("a", True)))
    assert once.with_report("d1/dev-1.0", report(("a", True), days=1)) == once
    corrected = once.with_report("d1/dev-1.0", report(("a", False), days=90))
    assert (corrected.records["a"].right, corrected.records["a"].wrong) == pytest.approx((0.0, 1.0))


def test_what_is_worth_nothing_any_more_and_what_is_long_ago_is_forgotten() -> None:
    book = ReliabilityBook(task_class="DEV-code").with_report("d0", report(("old", True)))
    book = book.with_report("d1", report(("new", True), days=3650))
    assert book.records.keys() == {"new"}
    crowd = [(f"agent-{n}", True) for n in range(MOST_MARKS)]
    assert book.with_report("d2", report(*crowd, days=3650)).reports.keys() == {"d2"}


def test_a_council_is_weighed_by_its_agents_and_where_they_are_unknown_by_their_models() -> None:
    agents = council("ada", "bob").agents
    book = ReliabilityBook(task_class="DEV-text")
    for n in range(20):
        book = book.with_report(f"d{n}", report((agent_key(agents[0]), True), (judge_key(agents[0]), False)))
    weights = weights_of(council("ada", "bob"), book, at=NOW)
    assert weights.agents["ada"] > weights.agents["bob"] > 1.0
    assert weights.judges["ada"] == weights.judges["bob"] < 1.0
    assert weights_of(council("ada"), ReliabilityBook(task_class="x"), at=NOW).agents == {}


def test_a_verdict_marks_who_gave_the_answer_and_who_accepted_or_rejected_it() -> None:
    answers = [proposal("ada", "A design."), proposal("bob", "A  design."), proposal("cyd", "Another.")]
    said = [critique("cyd", "ada.0", 0.9, "accept"), critique("dan", "ada.0", 0.1, "reject")]
    said += [critique("eve", "ada.0", 0.5, "revise"), critique("ada", "ada.0", 1.0, "accept")]
    ranking = decide(text_evidence(answers, said))
    names = council("ada", "bob", "cyd", "dan", "eve")
    marks = marks_of_verdict(names, ranking, said, "ada.0", is_good=False)
    by_key = {(mark.whose, mark.was_right) for mark in marks}
    assert by_key == {
        ("agent/vllm:tiny/DEV/ada", False),
        ("agent/vllm:tiny/DEV/bob", False),
        ("judge/vllm:tiny", False),
        ("judge/vllm:tiny", True),
    }


def test_a_pair_of_the_gold_set_marks_the_judges_that_were_sure_of_it() -> None:
    def both(judge: str, there: str, back: str) -> list[Ballot]:
        orders = [("ada.0", "bob.0", there), ("bob.0", "ada.0", back)]
        return [
            Ballot.model_validate(
                {"showing": Showing(judge=judge, first=one, second=other), "preferred": preferred}
            )
            for one, other, preferred in orders
        ]

    ballots = [
        *both("cyd", "first", "second"),
        *both("dan", "second", "first"),
        *both("eve", "first", "first"),
    ]
    marks = marks_of_pair(council("cyd", "dan", "eve"), ballots, better="ada.0", worse="bob.0")
    assert [mark.was_right for mark in marks] == [True, False]


def test_the_posterior_rises_with_the_lead() -> None:
    assert p_leader_leads(lead=0, second=0) == 0.5
    assert p_leader_leads(lead=4, second=0) == pytest.approx(31 / 32)
    assert p_leader_leads(lead=4, second=3.5) == p_leader_leads(lead=4, second=4)
    assert cannot_change(lead=3, second=0, remaining=2)
    assert not cannot_change(lead=3, second=1, remaining=2)


def test_p_correct_rises_with_support_and_falls_for_what_is_broken() -> None:
    def patch(votes: float, *, verified: bool = False, broken: bool = False) -> float:
        return p_patch_correct(copies=votes, cluster=votes, voters=8, is_verified=verified, is_broken=broken)

    assert 0.05 < patch(1) < 0.15 < patch(2) < 0.45 < patch(4) < 0.97 < patch(8) < 1
    assert patch(2, verified=True) > patch(2)
    assert patch(8, broken=True) <= 0.05


def test_p_correct_of_a_function_rises_with_agreement_and_what_it_rests_on() -> None:
    def function(
        agreement: float, *, coverage: float = 0.0, elaboration: float = 0.5, voters: int = 50
    ) -> float:
        return p_function_correct(
            agreement=agreement,
            margin=agreement / 2,
            voters=voters,
            coverage=coverage,
            elaboration=elaboration,
        )

    assert function(0.9) > 0.8 > function(0.5) > 0.2 > function(0.1)
    assert function(0.9, voters=4) < function(0.9)
    assert function(0.5, coverage=1.0) < function(0.5) < function(0.5, elaboration=1.0)


def test_the_second_overtakes_the_leader_less_often_the_further_it_leads() -> None:
    assert p_overtaken(lead=1, second=1, votes=4) == 0.5
    assert p_overtaken(lead=4, second=4, votes=0) == 0.5
    assert p_overtaken(lead=9, second=1, votes=4) == 0.0
    chances = [p_overtaken(lead=lead, second=2, votes=6) for lead in range(2, 9)]
    assert chances == sorted(chances, reverse=True)


def test_asking_on_pays_while_the_leader_may_change_and_may_be_wrong() -> None:
    def pays(lead: float, second: float, *, p_correct: float, votes: int, batch: int = 4) -> bool:
        overtaken = partial(p_overtaken, lead=lead, second=second)
        return is_worth_asking(
            overtaken, p_correct=p_correct, votes=votes, batch=batch, least_gain=LEAST_GAIN
        )

    assert pays(1, 1, p_correct=0.5, votes=8)
    assert not pays(6, 0, p_correct=0.9, votes=8)
    assert not pays(1, 1, p_correct=1.0, votes=8)
    assert not pays(1, 1, p_correct=0.5, votes=0)
    assert pays(5, 3, p_correct=0.3, votes=40, batch=1)
