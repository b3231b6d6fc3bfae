"""What every store of snapshots promises."""

import asyncio
from datetime import timedelta

import pytest
from story import T0

from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.ports.record import Record, Snapshot


def snapshot(name: str, seconds: float, *, phase: str = "started") -> Snapshot:
    return Snapshot(
        deliberation_id=name,
        task_id="reorder",
        phase=phase,
        outcome=DeliberationOutcome.DECIDED if phase == "closed" else None,
        num_agents=3,
        updated=T0 + timedelta(seconds=seconds),
    )


async def test_what_was_put_is_there(record: Record) -> None:
    assert await record.snapshots.get("d1") is None
    await record.snapshots.put(snapshot("d1", 1))
    assert await record.snapshots.get("d1") == snapshot("d1", 1)


async def test_a_later_one_replaces_an_earlier_one_and_not_the_other_way_round(record: Record) -> None:
    await record.snapshots.put(snapshot("d1", 2, phase="ranked"))
    await record.snapshots.put(snapshot("d1", 1))
    assert await record.snapshots.get("d1") == snapshot("d1", 2, phase="ranked")
    await record.snapshots.put(snapshot("d1", 3, phase="closed"))
    await record.snapshots.put(snapshot("d1", 2, phase="ranked"))
    assert await record.snapshots.get("d1") == snapshot("d1", 3, phase="closed")


async def test_of_many_writers_the_latest_wins(record: Record) -> None:
    async with asyncio.TaskGroup() as group:
        for second in (3, 1, 5, 2, 4):
            group.create_task(record.snapshots.put(snapshot("d1", second)))
    assert await record.snapshots.get("d1") == snapshot("d1", 5)


async def test_the_list_begins_with_the_most_recently_updated(record: Record) -> None:
    for name, second in (("a", 1), ("b", 2), ("c", 3), ("a", 4)):
        await record.snapshots.put(snapshot(name, second))
    assert [s.deliberation_id for s in await record.snapshots.list()] == ["a", "c", "b"]
    assert [s.deliberation_id for s in await record.snapshots.list(limit=2)] == ["a", "c"]


async def test_the_list_of_nothing_is_empty(record: Record) -> None:
    assert not await record.snapshots.list()


async def test_a_list_finds_as_many_as_it_may_beyond_what_was_overwritten(record: Record) -> None:
    for name in ("a", "b", "c"):
        await record.snapshots.put(snapshot(name, 0))
    for second in range(1, 40):
        await record.snapshots.put(snapshot("d", second))
    assert (await record.snapshots.list(limit=3))[0].deliberation_id == "d"
    assert {s.deliberation_id for s in await record.snapshots.list(limit=10)} == {"a", "b", "c", "d"}


async def test_an_id_that_cannot_stand_in_a_subject_is_refused(record: Record) -> None:
    with pytest.raises(InputError, match="deliberation_id"):
        await record.snapshots.put(snapshot("a.b", 1))
