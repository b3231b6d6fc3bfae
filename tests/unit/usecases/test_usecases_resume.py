"""Crashes, redeliveries, cancellations and records on bad days: one `closed`, nothing asked twice."""

import asyncio
import random
from dataclasses import replace

import pytest
from fake_time import fake_time, now_s
from small_fleet import Says, SmallFleet, by_agent, small_fleet
from story import task
from unreliable_log import BrokenStream, FailingLog, RepeatingLog, SlowLog

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.events import CancelRequested, Closed, Event, Proposed
from swe_ai_fleet.errors import (
    RecordDeniedError,
    RecordError,
    RecordNotFoundError,
    RecordUnavailableError,
)
from swe_ai_fleet.messaging.in_memory import InMemorySnapshotStore
from swe_ai_fleet.orchestrator.usecases.result import rebuild
from swe_ai_fleet.ports.record import Snapshot

HANGS = Says(after_s=10**6)


def wrong_then_right(assignment: Assignment) -> Says:
    """Nobody is right at first; the second agent is, after remarks."""
    agent = assignment.agent.agent_id
    is_good = assignment.step.kind == "revise" and agent == "dev-2"
    return Says(content="fix" if is_good else f"wrong {agent}")


async def whole_history() -> list[Event]:
    async with small_fleet(wrong_then_right) as fleet:
        await fleet.deliberate.run(fleet.request(task(rounds=1)))
        return await fleet.events()


async def replay(fleet: SmallFleet, events: list[Event]) -> None:
    for event in events:
        await fleet.record.events.publish(event)


def asks(events: list[Event]) -> set[tuple[str, int, str]]:
    """Who has answered what, according to these events."""
    kinds = {"proposed": "propose", "critiqued": "critique", "revised": "revise"}
    return {(e.key[2], e.round, kinds[e.type]) for e in events if e.type in kinds}


@fake_time
async def test_after_a_crash_at_any_moment_only_what_is_missing_is_asked_and_the_result_is_the_same() -> None:
    history = await whole_history()
    expected = rebuild(history)
    for length in range(1, len(history) + 1):
        async with small_fleet(wrong_then_right) as fleet:
            before = history[:length]
            await replay(fleet, before)
            result = await fleet.deliberate.resume("d1")
            assert result.ranking == expected.ranking
            assert result.winner == expected.winner
            assert len(fleet.agents.asked) == len(set(fleet.agents.asked))
            assert set(fleet.agents.asked) == asks(history) - asks(before)
            checked = {e.key[2:] for e in before if e.type == "checked"}
            assert len(fleet.checks.checked) <= 7 - len(checked)
            assert (await fleet.types()).count("closed") == 1


@fake_time
async def test_a_closed_deliberation_gives_its_result_again_and_asks_nobody() -> None:
    async with small_fleet() as fleet:
        first = await fleet.deliberate.run(fleet.request())
        asked = len(fleet.agents.asked)
        assert await fleet.deliberate.resume("d1") == first
        assert await fleet.deliberate.run(fleet.request()) == first
        assert len(fleet.agents.asked) == asked


@fake_time
async def test_what_is_not_on_the_record_cannot_be_resumed() -> None:
    async with small_fleet() as fleet:
        with pytest.raises(RecordNotFoundError, match="no deliberation nothing"):
            await fleet.deliberate.resume("nothing")


@fake_time
async def test_time_that_passed_while_nobody_worked_on_it_counts() -> None:
    async with small_fleet(by_agent({"dev-3": HANGS})) as fleet:
        first = asyncio.create_task(fleet.deliberate.run(fleet.request(task(quorum=2))))
        await asyncio.sleep(5)
        first.cancel()
        await asyncio.wait([first])
        await asyncio.sleep(200)
        result = await fleet.deliberate.resume("d1")
        assert now_s() < 206
        assert result.partial
        assert {place.agent_id for place in result.ranking} == {"dev-1", "dev-2"}


@fake_time
async def test_two_processes_with_the_same_deliberation_close_it_once_and_tell_the_same() -> None:
    def script(assignment: Assignment) -> Says:
        return Says(content=f"fix {assignment.agent.agent_id}", after_s=assignment.agent.shard + 1.0)

    async with small_fleet(script, wrap=lambda events: SlowLog(events, takes_s=0.3)) as fleet:
        async with asyncio.TaskGroup() as group:
            runs = [group.create_task(fleet.deliberate.run(fleet.request())) for _ in range(2)]
        results = [run.result() for run in runs]
        assert results[0] == results[1]
        assert (await fleet.types()).count("closed") == 1
        proposed = [e.key for e in await fleet.events() if isinstance(e, Proposed)]
        assert len(proposed) == len(set(proposed)) == 3


@pytest.mark.parametrize("seed", range(5))
@fake_time
async def test_events_that_are_told_twice_and_later_again_change_nothing(seed: int) -> None:
    expected = rebuild(await whole_history())
    async with small_fleet(wrong_then_right, wrap=lambda events: RepeatingLog(events, seed=seed)) as fleet:
        result = await fleet.deliberate.run(fleet.request(task(rounds=1)))
        assert (result.ranking, result.winner) == (expected.ranking, expected.winner)
        assert len(fleet.agents.asked) == len(set(fleet.agents.asked))


@fake_time
async def test_the_same_events_in_any_order_and_number_rebuild_the_same_bytes() -> None:
    history = await whole_history()
    expected = rebuild(history).model_dump_json()
    rng = random.Random(1)
    for _ in range(20):
        told = history + rng.sample(history, 5)
        rng.shuffle(told)
        assert rebuild(told).model_dump_json() == expected


@fake_time
async def test_what_was_published_is_what_the_events_amount_to() -> None:
    async with small_fleet(wrong_then_right) as fleet:
        result = await fleet.deliberate.run(fleet.request(task(rounds=1)))
        assert rebuild(await fleet.events()) == result


@fake_time
async def test_a_cancellation_stops_every_agent_within_a_second_and_closes_once() -> None:
    async with small_fleet(lambda _: HANGS) as fleet:
        run = asyncio.create_task(fleet.deliberate.run(fleet.request()))
        await asyncio.sleep(5)
        assert await fleet.cancel.run("d1", reason="not needed") is None
        assert await fleet.cancel.run("d1", reason="again") is None
        result = await run
        assert now_s() - 5 < 1
        assert (result.outcome, result.reason) == ("cancelled", "not needed")
        assert fleet.agents.cancelled == ["dev-1", "dev-2", "dev-3"]
        assert (await fleet.types())[-2:] == ["cancel_requested", "closed"]
        closed = await fleet.cancel.run("d1")
        assert isinstance(closed, Closed)
        assert closed.result == result


@fake_time
async def test_a_cancellation_while_nobody_works_on_it_is_found_by_who_resumes() -> None:
    history = await whole_history()
    async with small_fleet() as fleet:
        await replay(fleet, history[:4])
        await fleet.cancel.run("d1")
        result = await fleet.deliberate.resume("d1")
        assert result.outcome == "cancelled"
        assert fleet.agents.asked == []


@fake_time
async def test_what_comes_after_a_cancellation_is_recorded_but_not_ranked() -> None:
    async with small_fleet(lambda _: Says(after_s=10**6, ignores_cancel=True)) as fleet:
        run = asyncio.create_task(fleet.deliberate.run(fleet.request()))
        await asyncio.sleep(5)
        await fleet.cancel.run("d1")
        result = await run
        assert result.ranking == ()
        assert (await fleet.types()).count("proposed") == 3


@fake_time
async def test_cancelling_what_is_not_there_says_so() -> None:
    async with small_fleet() as fleet:
        with pytest.raises(RecordNotFoundError, match="no deliberation d1"):
            await fleet.cancel.run("d1")


@pytest.mark.parametrize("moment", ["requested", "started", "proposed", "checked", "round_closed", "ranked"])
@fake_time
async def test_a_record_that_takes_no_more_is_an_error_of_its_own_and_leaves_it_open_to_be_resumed(
    moment: str,
) -> None:
    away = RecordUnavailableError("NATS is away")
    is_away = True

    def fails(event: Event) -> RecordError | None:
        return away if is_away and event.type == moment else None

    async with small_fleet(wrap=lambda events: FailingLog(events, fails)) as fleet:
        with pytest.raises(RecordUnavailableError) as caught:
            await fleet.deliberate.run(fleet.request())
        assert caught.value is away
        assert "closed" not in await fleet.types()
        is_away = False
        result = await fleet.deliberate.run(fleet.request())
        assert result.outcome == "decided"


@fake_time
async def test_a_record_that_refuses_the_last_event_is_told_as_such() -> None:
    denied = RecordDeniedError("fleet.v1.event.d1.closed")
    async with small_fleet(
        wrap=lambda events: FailingLog(events, lambda event: denied if event.type == "closed" else None)
    ) as fleet:
        with pytest.raises(RecordDeniedError):
            await fleet.deliberate.run(fleet.request())


@pytest.mark.parametrize("after", range(8))
@fake_time
async def test_a_stream_that_breaks_is_an_error_of_its_own(after: int) -> None:
    error = RecordUnavailableError("the stream broke")
    async with small_fleet(wrap=lambda events: BrokenStream(events, after=after, error=error)) as fleet:
        with pytest.raises(RecordUnavailableError):
            await fleet.deliberate.run(fleet.request())


@fake_time
async def test_a_list_that_cannot_be_told_does_not_stop_a_deliberation() -> None:
    class NoList(InMemorySnapshotStore):
        async def put(self, snapshot: Snapshot) -> None:
            raise RecordUnavailableError("no leader")

    async with small_fleet() as fleet:
        deliberate = replace(fleet.deliberate, snapshots=NoList())
        assert (await deliberate.run(fleet.request())).outcome == "decided"


@fake_time
async def test_a_straggler_whose_answer_cannot_be_recorded_after_the_end_does_not_spoil_the_result() -> None:
    def fails(event: Event) -> RecordError | None:
        is_late = isinstance(event, Proposed) and event.proposal.content == "late"
        return RecordUnavailableError("away") if is_late else None

    script = by_agent({"dev-3": Says(after_s=10**6, ignores_cancel=True, content="late")})
    async with small_fleet(script, wrap=lambda events: FailingLog(events, fails)) as fleet:
        run = asyncio.create_task(fleet.deliberate.run(fleet.request()))
        await asyncio.sleep(5)
        await fleet.record.events.publish(
            CancelRequested(deliberation_id="d1", task_id="reorder", num_agents=3, time=fleet.clock.now())
        )
        assert (await run).outcome == "cancelled"
