"""When proposed checks and functions are run: once all agents have spoken, on the answers of each round."""

import pytest
from story import Story
from story import task as a_task

from swe_ai_fleet.domain.check import CheckReport, CheckStatus, Trial
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Checked, Event, Proposed
from swe_ai_fleet.domain.outcome import Crashed
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.quorum import has_quorum
from swe_ai_fleet.domain.steps import (
    Ask,
    CheckProposal,
    CloseRound,
    NextStep,
    Rank,
    RunMatrix,
    TryChecks,
    next_steps,
)
from swe_ai_fleet.domain.task import CouncilPlan, Task
from swe_ai_fleet.domain.trials import missed_by

TESTER = {"agent_id": "tester-1", "role": "QA", "model": "vllm:tiny"}


def story(*, entry_point: str | None = None, rounds: int = 0) -> Story:
    """Two agents that answer, and one that proposes checks."""
    plain = a_task(agents=2, rounds=rounds, code=entry_point is None)
    plan = CouncilPlan(agents=2, qa=1, rounds=rounds)
    return Story(plain.model_copy(update={"council": plan, "entry_point": entry_point}))


def proposed_checks(of: Story) -> Proposed:
    proposal = Proposal(proposal_id="tester-1.0", round=0, kind="checks", content="tests", **TESTER)
    return Proposed(proposal=proposal, **TESTER, **of._common(1))


def tried(of: Story, *, round_: int = 0, applied: bool = True) -> Checked:
    base = Trial(on="base", status=CheckStatus.FAILED)
    report = CheckReport(proposal_id="tester-1.0", applied=applied, trials=(base,))
    return Checked(report=report, round=round_, **TESTER, **of._common(3))


def steps(events: list[Event], *, at: float = 1.0, safe: bool = False) -> list[NextStep]:
    return next_steps(Deliberation.of(events), elapsed_s=at, is_safe=lambda _: safe)


def answered(of: Story) -> list[Event]:
    return [
        *(of.requested(), of.started(), of.base(), proposed_checks(of)),
        *(of.proposed(0), of.checked(0, passed=True), of.proposed(1)),
    ]


def test_proposed_checks_wait_until_every_answer_is_there_and_checked() -> None:
    one = story()
    assert steps(answered(one)) == [CheckProposal(proposal_id="dev-2.0")]
    events = [*answered(one), one.checked(1, passed=True)]
    assert steps(events) == [TryChecks(proposal_id="tester-1.0", round=0)]
    assert steps([*events, tried(one)]) == [CloseRound(round=0, reason="complete")]


def test_checks_of_an_agent_that_failed_are_not_waited_for() -> None:
    one = story()
    events = [e for e in answered(one) if e.key != ("proposed", 0, "tester-1")]
    events += [one.failed(2, Crashed(reason="500")), one.checked(1, passed=True)]
    assert steps(events) == [CloseRound(round=0, reason="complete")]


def test_where_no_answer_applies_there_is_nothing_to_try() -> None:
    one = story()
    events = [e for e in answered(one) if e.type != "checked" or getattr(e, "agent_id", "") == "base"]
    events += [one.checked(index, passed=False, applied=False) for index in (0, 1)]
    assert steps(events) == [CloseRound(round=0, reason="complete")]


def test_a_decision_that_is_safe_does_not_wait_for_proposed_checks() -> None:
    one = story()
    events = [*answered(one), one.checked(1, passed=True)]
    assert steps(events, at=50.0, safe=True) == [CloseRound(round=0, reason="safe")]


def test_revisions_are_tried_on_the_checks_of_the_first_round() -> None:
    one = story(rounds=1)
    first = one.cut(["dev-1.0", "dev-2.0"]).model_copy(update={"tried": ("tester-1.0",)})
    events = [*answered(one), one.checked(1, passed=False), tried(one), first]
    events += [one.critiqued(0, 1), one.critiqued(1, 0, verdict="accept"), one.revised(1)]
    events += [one.checked(1, passed=True, round_=1)]
    assert steps(events) == [TryChecks(proposal_id="tester-1.0", round=1)]
    assert steps([*events, tried(one, round_=1)]) == [CloseRound(round=1, reason="complete")]
    useless = [e if e.key != ("checked", 0, "tester-1") else tried(one, applied=False) for e in events]
    assert steps(useless) == [CloseRound(round=1, reason="complete")]


def test_whose_answer_fails_a_counting_test_is_asked_to_revise_though_all_accept_it() -> None:
    one = story(rounds=1)
    verdicts = {"base": "failed", "dev-1.0": "failed", "dev-2.0": "passed"}
    trials = tuple(
        Trial.model_validate({"on": on, "status": verdict, "cases": {"t": verdict}})
        for on, verdict in verdicts.items()
    )
    ran = Checked(
        report=CheckReport(proposal_id="tester-1.0", applied=True, trials=trials), **TESTER, **one._common(3)
    )
    cut = one.cut(["dev-1.0", "dev-2.0"]).model_copy(update={"tried": ("tester-1.0",)})
    events = [*answered(one), one.checked(1, passed=True, content="other"), ran, cut]
    events += [one.critiqued(0, 1, verdict="accept"), one.critiqued(1, 0, verdict="accept")]
    assert [step.agent.agent_id for step in steps(events) if isinstance(step, Ask)] == ["dev-1"]
    state = Deliberation.of(events)
    assert missed_by(state, "dev-1.0") == {"tester-1.0": ("t",)}
    assert missed_by(state, "dev-2.0") == {}
    assert missed_by(state, "dev-9.0") == {}
    uncounted = [event if event is not cut else one.cut(["dev-1.0", "dev-2.0"]) for event in events]
    assert missed_by(Deliberation.of(uncounted), "dev-1.0") == {}


def test_functions_run_together_once_all_have_spoken() -> None:
    one = story(entry_point="f")
    events: list[Event] = [one.requested(), one.started(), proposed_checks(one), one.proposed(0)]
    assert [type(step).__name__ for step in steps(events)] == ["Ask"]
    events.append(one.proposed(1))
    assert steps(events) == [RunMatrix(round=0)]
    reports = [CheckReport(proposal_id=pid, applied=True) for pid in ("dev-1.0", "dev-2.0", "tester-1.0")]
    rows = [
        Checked(report=r, agent_id=r.proposal_id[:-2], role="DEV", model="m", **one._common(2))
        for r in reports
    ]
    assert steps([*events, *rows[:2]]) == [RunMatrix(round=0)]
    assert steps([*events, *rows]) == [CloseRound(round=0, reason="complete")]
    assert steps([*events, *rows, one.cut(["dev-1.0", "dev-2.0"])]) == [Rank()]


def test_who_proposes_checks_makes_no_quorum() -> None:
    one = story()
    state = Deliberation.of([one.requested(), one.started(), one.proposed(0), one.failed(2)])
    assert has_quorum(state)
    state = Deliberation.of([one.requested(), one.started(), one.failed(2), one.failed(1)])
    assert not has_quorum(state)
    wants_two = one.requested().model_copy(update={"council": one.council.model_copy(update={"quorum": 2})})
    assert not has_quorum(Deliberation.of([wants_two, one.started(), one.proposed(0), one.failed(2)]))


def test_runs_of_proposed_checks_are_no_report_of_an_answer() -> None:
    one = story()
    state = Deliberation.of([*answered(one), one.checked(1, passed=True), tried(one), tried(one, round_=1)])
    assert set(state.reports) == {"base", "dev-1.0", "dev-2.0"}
    assert set(state.tried) == {(0, "tester-1.0"), (1, "tester-1.0")}
    assert [p.proposal_id for p in state.checks_tried(1)] == ["tester-1.0"]
    assert state.counted_checks() == []
    assert [event.report.proposal_id for event in state.verified()] == ["dev-1.0", "dev-2.0"]


def test_a_function_task_has_no_repository() -> None:
    Task(description="Write f.", entry_point="f")
    for wrong in ({"entry_point": "f", "repo": "./x"}, {"entry_point": "f()"}, {"entry_point": ""}):
        with pytest.raises(ValueError, match="entry_point"):
            Task.model_validate({"description": "Write f.", **wrong})
