"""Who takes the next call."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from fake_time import fake_time

from swe_ai_fleet.execution.roster import Place, Roster
from swe_ai_fleet.models.affinity import by_affinity


def roster(places: int, *, max_load: int = 1000) -> Roster[int]:
    made = Roster([Place(name=f"p{n}", handle=n) for n in range(places)], max_load=max_load)
    for place in made.places:
        made.rise(place)
    return made


async def names(
    made: Roster[int], stack: AsyncExitStack, key: str, calls: int, *, spreads: bool = False
) -> list[str]:
    return [(await stack.enter_async_context(made.place(key, spreads=spreads))).name for _ in range(calls)]


async def test_one_deliberation_stays_together() -> None:
    async with AsyncExitStack() as stack:
        assert len(set(await names(roster(4), stack, "d1", 32))) == 1


async def test_many_deliberations_are_dealt_out() -> None:
    made = roster(4)
    async with AsyncExitStack() as stack:
        for number in range(100):
            await names(made, stack, f"d{number}", 6)
        loads = [place.load for place in made.places]
    assert max(loads) <= 1.25 * 600 / 4 + 1
    assert [place.load for place in made.places] == [0, 0, 0, 0]


async def test_no_place_gets_far_more_than_its_share() -> None:
    made = roster(4)
    async with AsyncExitStack() as stack:
        await names(made, stack, "d1", 400)
        assert max(place.load for place in made.places) <= 1.25 * 400 / 4 + 1


async def test_calls_that_compute_are_spread() -> None:
    made = roster(3)
    async with AsyncExitStack() as stack:
        await names(made, stack, "d1", 6, spreads=True)
        assert [place.load for place in made.places] == [2, 2, 2]


async def test_a_call_waits_while_every_place_is_full() -> None:
    made = roster(2, max_load=1)
    async with AsyncExitStack() as stack:
        await names(made, stack, "d1", 2)
        waiting = asyncio.ensure_future(made.place("d1", spreads=False).__aenter__())
        await asyncio.sleep(0)
        assert not waiting.done()
        made.places[0].load -= 1
        made.rise(made.places[0])
        assert (await waiting).name == "p0"


async def test_a_call_waits_until_a_place_rises() -> None:
    made = roster(1)
    assert made.fall(made.places[0])
    assert not made.fall(made.places[0])
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01), made.place("d1", spreads=False):
            pass
    made.rise(made.places[0])
    async with made.place("d1", spreads=False) as place:
        assert place.load == 1


async def test_a_place_that_is_left_is_handed_to_the_next_in_line() -> None:
    made = roster(1, max_load=1)
    served: list[int] = []

    async def call(number: int) -> None:
        async with made.place("d1", spreads=False):
            served.append(number)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call(number)) for number in range(20)]
        await asyncio.sleep(0)
        tasks[1].cancel()
    assert served == [number for number in range(20) if number != 1]


def test_a_place_that_goes_moves_only_its_own_keys() -> None:
    places = [f"p{n}" for n in range(5)]
    keys = [f"d{n}" for n in range(300)]
    before = {key: by_affinity(key, places)[0] for key in keys}
    after = {key: by_affinity(key, places[1:])[0] for key in keys}
    assert all(after[key] == before[key] for key in keys if before[key] != "p0")
    assert {by_affinity(key, places)[1] for key in keys if before[key] == "p0"} == set(places[1:])
    assert set(before.values()) == set(places)


@fake_time
async def test_a_place_that_sheds_load_is_spared_for_a_while() -> None:
    made = roster(2)
    async with AsyncExitStack() as stack:
        [favourite] = await names(made, stack, "d1", 1)
        [place] = [place for place in made.places if place.name == favourite]
        made.rest(place, 0.2)
        assert favourite not in await names(made, stack, "d1", 3)
        await asyncio.sleep(0.3)
        assert await names(made, stack, "d1", 1) == [favourite]


@fake_time
async def test_calls_wait_while_every_place_sheds_load() -> None:
    made = roster(2)
    for place in made.places:
        made.rest(place, 0.2)
    async with asyncio.TaskGroup() as group, AsyncExitStack() as stack:
        waiting = [group.create_task(names(made, stack, "d1", 1)) for _ in range(5)]
        await asyncio.sleep(0.1)
        assert not any(call.done() for call in waiting)
        await asyncio.sleep(0.2)
        assert all(call.done() for call in waiting)
