"""The limit on calls in flight: who waits, who goes first, and how the limit follows the endpoint."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fake_time import fake_time

from swe_ai_fleet.models.limiter import PriorityLimiter


@asynccontextmanager
async def slot(limiter: PriorityLimiter, priority: int) -> AsyncIterator[None]:
    await limiter.acquire(priority)
    try:
        yield
    finally:
        limiter.release()


@fake_time
async def test_the_more_urgent_go_first_and_equals_in_the_order_in_which_they_came() -> None:
    limiter = PriorityLimiter(1)
    served: list[str] = []

    async def call(name: str, priority: int) -> None:
        async with slot(limiter, priority):
            served.append(name)
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        group.create_task(call("running", 2))
        await asyncio.sleep(0)
        for name, priority in [("batch", 2), ("first", 1), ("second", 1), ("judge", 0)]:
            group.create_task(call(name, priority))
        await asyncio.sleep(0)
        assert limiter.waiting == 4
    assert served == ["running", "judge", "first", "second", "batch"]
    assert limiter.in_flight == 0


@fake_time
async def test_a_cancelled_call_leaves_the_line_and_takes_no_slot_with_it() -> None:
    limiter = PriorityLimiter(1)

    async def call() -> None:
        async with slot(limiter, 1):
            await asyncio.sleep(1)

    async with asyncio.TaskGroup() as group:
        group.create_task(call())
        waiting = group.create_task(call())
        handed_over = group.create_task(call())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(1)
        handed_over.cancel()
    assert limiter.in_flight == limiter.waiting == 0
    async with slot(limiter, 1):
        assert limiter.in_flight == 1


@fake_time
async def test_a_call_cancelled_in_the_moment_it_gets_its_slot_passes_it_on() -> None:
    limiter = PriorityLimiter(1)
    served: list[str] = []

    async def call(name: str) -> None:
        async with slot(limiter, 1):
            served.append(name)

    async with asyncio.TaskGroup() as group:
        async with slot(limiter, 1):
            unlucky = group.create_task(call("unlucky"))
            group.create_task(call("next"))
            await asyncio.sleep(0)
        unlucky.cancel()
    assert served == ["next"]
    assert limiter.in_flight == 0


@fake_time
async def test_shed_load_halves_the_limit_and_successes_win_it_back() -> None:
    limiter = PriorityLimiter(8)
    async with slot(limiter, 1), slot(limiter, 1), slot(limiter, 1), slot(limiter, 1):
        limiter.shrink()
    assert limiter.limit == 2
    limiter.shrink()
    assert limiter.limit == 1
    for _ in range(100):
        limiter.grow()
    assert limiter.limit == 8


@fake_time
async def test_a_growing_limit_lets_waiting_calls_in() -> None:
    limiter = PriorityLimiter(2)
    entered: list[int] = []

    async def call(number: int) -> None:
        async with slot(limiter, 1):
            entered.append(number)
            await asyncio.sleep(1)

    limiter.shrink()
    async with asyncio.TaskGroup() as group:
        for number in range(2):
            group.create_task(call(number))
        await asyncio.sleep(0)
        assert entered == [0]
        limiter.grow()
        await asyncio.sleep(0)
        assert entered == [0, 1]
