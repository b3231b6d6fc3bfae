"""Sequential councils: asked in batches, stopped when it is safe, and what was saved is in the result."""

import pytest
from fake_time import fake_time, now_s
from small_fleet import Says, ScriptedChecks, by_agent, small_fleet
from story import task

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.events import Event, Proposed, RoundClosed
from swe_ai_fleet.domain.ranking import Saved
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.errors import ModelServerError
from swe_ai_fleet.orchestrator.usecases.result import rebuild

SAME = by_agent({})


def each_its_own(assignment: Assignment) -> Says:
    return Says(content=f"wrong {assignment.agent.agent_id}")


def in_batches(batch: int, *, agents: int = 12, quorum: int | None = None, **fields: object) -> Task:
    plain = task(agents=agents, quorum=quorum, **fields)  # type: ignore[arg-type]  # of the budget
    return plain.model_copy(update={"council": plain.council.model_copy(update={"batch": batch})})


def cut(events: list[Event]) -> RoundClosed:
    return next(event for event in events if isinstance(event, RoundClosed))


@fake_time
async def test_a_safe_leader_ends_it_after_the_batch_that_made_it_safe_and_tells_what_was_saved() -> None:
    async with small_fleet(SAME) as fleet:
        result = await fleet.deliberate.run(fleet.request(in_batches(4)))
        assert [agent for agent, _, _ in fleet.agents.asked] == ["dev-1", "dev-2", "dev-3", "dev-4"]
        assert result.outcome == "decided"
        assert not result.partial
        assert result.saved == Saved(agents=8, tokens=80)
        assert {agent.outcome for agent in result.agents[4:]} == {"not_asked"}
        events = await fleet.events()
        assert cut(events).reason in {"safe", "gain"}
        assert len(cut(events).left_out) == 8
        assert cut(events).missing == ()
        assert "agent_failed" not in await fleet.types()
        assert rebuild(events) == result


@fake_time
async def test_where_nobody_agrees_everybody_is_asked_batch_after_batch() -> None:
    async with small_fleet(each_its_own, checks=ScriptedChecks(passing=())) as fleet:
        result = await fleet.deliberate.run(fleet.request(in_batches(5)))
        assert len(fleet.agents.asked) == 12
        assert result.saved is None
        assert now_s() == 0.5 + 3 * (1.0 + 0.5)
        assert cut(await fleet.events()).reason == "complete"


@fake_time
async def test_a_batch_is_complete_before_the_next_one_begins_checks_included() -> None:
    async with small_fleet(each_its_own, checks=ScriptedChecks(passing=())) as fleet:
        await fleet.deliberate.run(fleet.request(in_batches(6)))
        types = [t for t in await fleet.types() if t in {"proposed", "checked"}]
        assert types == ["checked", *(["proposed"] * 6 + ["checked"] * 6) * 2]


@fake_time
async def test_an_agent_that_fails_does_not_hold_its_batch() -> None:
    broken = Says(error=ModelServerError("vllm:tiny", "on fire"))
    async with small_fleet(by_agent({"dev-2": broken})) as fleet:
        result = await fleet.deliberate.run(fleet.request(in_batches(4, quorum=3)))
        assert len(fleet.agents.asked) == 4
        assert result.saved is not None
        assert result.agents[1].outcome == "crashed"


@fake_time
async def test_a_quorum_above_the_batch_is_waited_for() -> None:
    async with small_fleet(SAME) as fleet:
        await fleet.deliberate.run(fleet.request(in_batches(4, quorum=8)))
        assert len(fleet.agents.asked) == 8


@fake_time
async def test_tokens_that_do_not_hold_another_batch_end_it() -> None:
    async with small_fleet(each_its_own, checks=ScriptedChecks(passing=())) as fleet:
        requested = fleet.request(in_batches(4))
        plan = requested.task.model_copy(
            update={"budget": requested.task.budget.model_copy(update={"tokens": 95})}
        )
        result = await fleet.deliberate.run(requested.model_copy(update={"task": plan}))
        assert len(fleet.agents.asked) == 8
        assert cut(await fleet.events()).reason == "budget"
        assert result.saved == Saved(agents=4, tokens=40)


@fake_time
async def test_a_batch_that_would_begin_after_the_agents_time_is_not_asked() -> None:
    def slow(assignment: Assignment) -> Says:
        return Says(content=f"wrong {assignment.agent.agent_id}", after_s=50)

    async with small_fleet(slow, checks=ScriptedChecks(passing=(), takes_s=36)) as fleet:
        result = await fleet.deliberate.run(fleet.request(in_batches(4)))
        assert len(fleet.agents.asked) == 4
        assert (cut(await fleet.events()).reason, result.partial) == ("deadline", True)


def three_opinions(assignment: Assignment) -> Says:
    """The first batch is of two minds, the second decides."""
    number = int(assignment.agent.agent_id.rpartition("-")[2])
    return Says(content="wrong" if number in {1, 2} else "fix")


@fake_time
async def test_after_a_crash_at_any_moment_no_agent_is_asked_again_and_none_too_many() -> None:
    plan = in_batches(3, agents=9)
    async with small_fleet(three_opinions) as fleet:
        await fleet.deliberate.run(fleet.request(plan))
        history = await fleet.events()
        everybody = {agent for agent, _, _ in fleet.agents.asked}
    expected = rebuild(history)
    assert expected.saved is not None
    for length in range(1, len(history)):
        async with small_fleet(three_opinions) as fleet:
            for event in history[:length]:
                await fleet.record.events.publish(event)
            result = await fleet.deliberate.resume("d1")
            answered = {e.agent_id for e in history[:length] if isinstance(e, Proposed)}
            assert {agent for agent, _, _ in fleet.agents.asked} == everybody - answered
            assert (result.ranking, result.saved) == (expected.ranking, expected.saved)


@pytest.mark.parametrize("batch", [1, 2, 5, 12, 100])
@fake_time
async def test_any_size_of_batch_comes_to_an_end_with_a_decision(batch: int) -> None:
    async with small_fleet(SAME) as fleet:
        result = await fleet.deliberate.run(fleet.request(in_batches(batch)))
        assert result.outcome == "decided"
        asked = len(fleet.agents.asked)
        assert asked + (result.saved.agents if result.saved else 0) == 12


@fake_time
async def test_proposed_checks_are_run_once_when_no_further_batch_is_asked() -> None:
    plan = in_batches(4)
    plan = plan.model_copy(update={"council": plan.council.model_copy(update={"qa": 1})})

    def script(assignment: Assignment) -> Says:
        return Says(content="passes fix" if assignment.agent.duty == "test" else "fix")

    async with small_fleet(script) as fleet:
        result = await fleet.deliberate.run(fleet.request(plan))
        assert result.saved is not None
        assert fleet.checks.tried == [
            ("tester-1.0", on) for on in ("base", "dev-1.0", "dev-2.0", "dev-3.0", "dev-4.0")
        ]
        assert cut(await fleet.events()).reason == "safe"
