"""A deliberation from the first event to the last, with agents that answer, hang, crash and come late."""

import asyncio

import pytest
from fake_time import fake_time, now_s
from small_fleet import Says, ScriptedChecks, by_agent, small_fleet
from story import task
from unreliable_log import DistantLog, FailingLog

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.events import Closed, Event, Proposed, RoundClosed
from swe_ai_fleet.errors import (
    AgentRefusedError,
    FleetError,
    InputError,
    ModelServerError,
    SandboxUnavailableError,
)
from swe_ai_fleet.ports.record import EventLog

HANGS = Says(after_s=10**6)


@fake_time
async def test_everybody_answers_is_checked_ranked_and_closed_once() -> None:
    async with small_fleet() as fleet:
        seen: list[Event] = []
        result = await fleet.deliberate.run(fleet.request(), observe=seen.append)
        assert result.outcome == "decided"
        assert result.winner is not None
        assert result.winner.patch == "fix"
        assert not result.partial
        types = await fleet.types()
        assert types[:3] == ["requested", "started", "checked"]
        assert types[3:9] == ["proposed"] * 3 + ["checked"] * 3
        assert types[9:] == ["round_closed", "ranked", "closed"]
        assert seen == await fleet.events()
        closed = seen[-1]
        assert isinstance(closed, Closed)
        assert closed.result == result
        snapshot = await fleet.record.snapshots.get("d1")
        assert snapshot is not None
        assert (snapshot.phase, snapshot.outcome, snapshot.answered) == ("closed", "decided", 3)


@fake_time
async def test_a_task_without_code_runs_no_checks_and_asks_at_once() -> None:
    async with small_fleet() as fleet:
        result = await fleet.deliberate.run(fleet.request(task(code=False)))
        assert fleet.checks.checked == []
        assert result.outcome in {"decided", "undecided"}
        assert now_s() == 1.0


@fake_time
async def test_agents_work_side_by_side_and_checks_begin_before_the_last_answer() -> None:
    script = by_agent({"dev-1": Says(after_s=1), "dev-2": Says(after_s=5), "dev-3": Says(after_s=5)})
    async with small_fleet(script) as fleet:
        await fleet.deliberate.run(fleet.request())
        assert now_s() == 0.5 + 5 + 0.5
        types = await fleet.types()
        assert types.index("checked", 3) < types.index("proposed", types.index("proposed") + 1)


@fake_time
async def test_a_hanging_agent_does_not_hold_a_council_that_has_a_quorum_and_a_safe_decision() -> None:
    async with small_fleet(by_agent({"dev-3": HANGS})) as fleet:
        result = await fleet.deliberate.run(fleet.request(task(quorum=2, soft_seconds=10.0)))
        assert result.outcome == "decided"
        assert now_s() == pytest.approx(10.0, abs=0.01)
        assert fleet.agents.cancelled == ["dev-3"]
        assert [(a.agent_id, a.outcome) for a in result.agents] == [
            ("dev-1", "answered"),
            ("dev-2", "answered"),
            ("dev-3", "cancelled"),
        ]
        cut = next(e for e in await fleet.events() if isinstance(e, RoundClosed))
        assert (cut.reason, cut.missing) == ("safe", ("dev-3",))


@fake_time
async def test_an_unsafe_decision_waits_for_the_deadline_and_is_marked_partial() -> None:
    script = by_agent({"dev-1": Says(content="a"), "dev-2": Says(content="b"), "dev-3": HANGS})
    async with small_fleet(script, checks=ScriptedChecks(passing=())) as fleet:
        result = await fleet.deliberate.run(fleet.request(task(quorum=2, soft_seconds=10.0)))
        assert now_s() == pytest.approx(85.0, abs=3.0)
        assert result.partial
        assert result.agents[2].outcome == "timed_out"


@fake_time
async def test_without_a_quorum_the_deadline_ends_it_undecided_and_says_who_is_missing() -> None:
    async with small_fleet(by_agent({"dev-2": HANGS, "dev-3": HANGS})) as fleet:
        result = await fleet.deliberate.run(fleet.request(task(quorum=2)))
        assert (result.outcome, result.partial) == ("undecided", True)
        assert "no quorum" in result.reason
        assert now_s() <= 100.0 + 1.0
        assert [a.outcome for a in result.agents] == ["answered", "timed_out", "timed_out"]


@fake_time
async def test_a_check_that_never_ends_is_cut_at_the_hard_deadline() -> None:
    async with small_fleet(checks=ScriptedChecks(takes_s=0.5)) as fleet:
        fleet.checks.takes_s = 0.5
        requested = fleet.request(task(quorum=1))

        def then_hang(event: Event) -> None:
            if event.type == "proposed":
                fleet.checks.takes_s = 10**6

        result = await fleet.deliberate.run(requested, observe=then_hang)
        assert result.partial
        assert now_s() == pytest.approx(100.0, abs=0.1)
        assert (await fleet.types())[-1] == "closed"


@fake_time
async def test_a_base_check_that_never_ends_fails_at_the_hard_deadline() -> None:
    async with small_fleet(checks=ScriptedChecks(takes_s=10**6)) as fleet:
        result = await fleet.deliberate.run(fleet.request())
        assert result.outcome == "failed"
        assert "unchanged commit" in result.reason
        assert now_s() == pytest.approx(100.0, abs=0.1)


@pytest.mark.parametrize(
    ("error", "outcome", "reason"),
    [
        (ModelServerError("vllm:tiny", "500"), "crashed", "vllm:tiny: server_error: 500"),
        (AgentRefusedError("It has no tests.", "Add one."), "refused", "It has no tests. Add one."),
        (ZeroDivisionError("a defect"), "crashed", "ZeroDivisionError: a defect"),
    ],
)
@fake_time
async def test_an_agent_that_fails_is_told_by_its_kind_and_the_others_decide(
    error: Exception, outcome: str, reason: str
) -> None:
    async with small_fleet(by_agent({"dev-2": Says(error=error)})) as fleet:
        result = await fleet.deliberate.run(fleet.request(task(quorum=2)))
        assert result.outcome == "decided"
        assert (result.agents[1].outcome, result.agents[1].reason) == (outcome, reason)
        assert result.partial is (outcome == "crashed")
        assert (await fleet.types()).count("agent_failed") == 1


@fake_time
async def test_where_every_agent_refuses_it_has_failed_and_says_why() -> None:
    refuses = Says(error=AgentRefusedError("There is nothing to repair.", "Add a failing check."))
    async with small_fleet(lambda _: refuses) as fleet:
        result = await fleet.deliberate.run(fleet.request())
        assert result.outcome == "failed"
        assert "There is nothing to repair." in result.reason


@fake_time
async def test_an_answer_that_comes_after_the_cut_is_on_the_record_but_not_in_the_ranking() -> None:
    script = by_agent({"dev-3": Says(after_s=10**6, ignores_cancel=True, content="late")})
    async with small_fleet(script) as fleet:
        result = await fleet.deliberate.run(fleet.request(task(quorum=2, soft_seconds=10.0)))
        events = await fleet.events()
        late = [e for e in events if isinstance(e, Proposed) and e.proposal.content == "late"]
        assert len(late) == 1
        assert {place.agent_id for place in result.ranking} == {"dev-1", "dev-2"}
        assert (await fleet.types()).count("closed") == 1


def two_rounds(assignment: Assignment) -> Says:
    agent = assignment.agent.agent_id
    is_good = assignment.step.kind == "revise" and agent == "dev-2"
    return Says(content="fix" if is_good else f"wrong {agent} {assignment.round}")


@fake_time
async def test_a_round_of_remarks_adds_revisions_and_keeps_their_parents_in_the_pool() -> None:
    async with small_fleet(two_rounds) as fleet:
        result = await fleet.deliberate.run(fleet.request(task(rounds=1)))
        assert {kind for _, _, kind in fleet.agents.asked} == {"propose", "critique", "revise"}
        assert len(result.ranking) == 6
        assert result.winner is not None
        assert result.winner.proposal_id == "dev-2.1"
        assert [e.round for e in await fleet.events() if isinstance(e, RoundClosed)] == [0, 1]


@fake_time
async def test_a_round_is_skipped_where_the_decision_is_verified_and_safe() -> None:
    async with small_fleet() as fleet:
        await fleet.deliberate.run(fleet.request(task(rounds=2)))
        assert {kind for _, _, kind in fleet.agents.asked} == {"propose"}
        cuts = [e for e in await fleet.events() if isinstance(e, RoundClosed)]
        assert [(cut.round, cut.reason) for cut in cuts] == [(0, "complete"), (1, "agreed"), (2, "agreed")]


@fake_time
async def test_who_was_not_asked_in_a_later_round_is_not_missing_there() -> None:
    plan = task(rounds=1, soft_seconds=1.0)
    plan = plan.model_copy(update={"council": plan.council.model_copy(update={"qa": 1})})
    script = by_agent({"dev-3": Says(error=AgentRefusedError("no", "no"))}, Says(content="wrong"))
    async with small_fleet(script) as fleet:
        result = await fleet.deliberate.run(fleet.request(plan))
        cuts = [e for e in await fleet.events() if isinstance(e, RoundClosed)]
        assert cuts[-1].missing == ()
        assert not result.partial
        assert [a.outcome for a in result.agents] == ["answered", "answered", "refused", "answered"]


@fake_time
async def test_a_reviewer_that_hangs_does_not_hold_the_round_beyond_its_phase() -> None:
    def script(assignment: Assignment) -> Says:
        hangs = assignment.step.kind == "critique" and assignment.agent.agent_id == "dev-3"
        return HANGS if hangs else Says(content=f"wrong {assignment.agent.agent_id}")

    async with small_fleet(script) as fleet:
        result = await fleet.deliberate.run(fleet.request(task(rounds=1)))
        assert now_s() < 100.0
        assert {place.proposal_id for place in result.ranking} >= {"dev-1.1", "dev-2.1", "dev-3.0"}


@pytest.mark.parametrize(
    "error",
    [
        SandboxUnavailableError("nothing strong enough"),
        InputError("checks.tests.command", "pytset", "no such command", "Correct it."),
    ],
)
@fake_time
async def test_what_makes_checks_impossible_closes_as_failed_once_with_the_reason(error: FleetError) -> None:
    for checks in (ScriptedChecks(error=error), ScriptedChecks(base_error=error)):
        async with small_fleet(checks=checks) as fleet:
            with pytest.raises(type(error)) as caught:
                await fleet.deliberate.run(fleet.request())
            assert caught.value is error
            events = await fleet.events()
            closed = [event for event in events if isinstance(event, Closed)]
            assert len(closed) == 1
            assert (closed[0].outcome, closed[0].result.reason) == ("failed", str(error))
            snapshot = await fleet.record.snapshots.get("d1")
            assert snapshot is not None
            assert snapshot.outcome == "failed"


@fake_time
async def test_notes_on_the_request_are_in_the_result() -> None:
    async with small_fleet() as fleet:
        result = await fleet.deliberate.run(fleet.request(), notes=("a shrunk council",))
        assert "a shrunk council" in result.notes


@fake_time
async def test_many_deliberations_share_a_process_without_mixing() -> None:
    async with small_fleet() as fleet:
        async with asyncio.TaskGroup() as group:
            runs = [
                group.create_task(fleet.deliberate.run(fleet.request(deliberation_id=f"d{n}")))
                for n in range(20)
            ]
        assert {run.result().deliberation_id for run in runs} == {f"d{n}" for n in range(20)}
        assert now_s() == 2.0
        assert len(fleet.agents.asked) == 60


@fake_time
async def test_of_many_that_begin_at_once_the_first_have_asked_before_the_last_begin() -> None:
    types: list[str] = []

    def distant(events: EventLog) -> EventLog:
        return DistantLog(FailingLog(events, lambda event: types.append(event.type)), seconds=0.01)

    async with small_fleet(wrap=distant) as fleet:
        async with asyncio.TaskGroup() as group:
            for number in range(60):
                requested = fleet.request(task(code=False), deliberation_id=f"d{number}")
                group.create_task(fleet.deliberate.run(requested))
        assert types.count("closed") == 60
        assert types.index("started") < max(place for place, kind in enumerate(types) if kind == "requested")
        assert now_s() < 1.2
