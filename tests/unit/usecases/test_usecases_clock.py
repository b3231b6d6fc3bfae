"""The machine's clock is set while a deliberation is at work: its budget of time stays what it was."""

import asyncio
from datetime import datetime, timedelta

from fake_time import LoopClock, fake_time, now_s
from small_fleet import Says, Script, small_fleet
from story import task


class SettableClock(LoopClock):
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.step_s = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.step_s)

    def set_by(self, step_s: float) -> None:
        self.step_s = step_s


def in_review(says: Says) -> Script:
    """Everybody answers at once and takes its time over the others' answers."""
    return lambda assignment: says if assignment.round else Says()


@fake_time
async def test_a_clock_that_is_set_back_does_not_move_the_deadline() -> None:
    clock = SettableClock()
    async with small_fleet(in_review(Says(after_s=10**6)), clock=clock) as fleet:
        asyncio.get_running_loop().call_later(0.5, clock.set_by, -600.0)
        await fleet.deliberate.run(fleet.request(task(code=False, rounds=1, seconds=100.0)))
        assert now_s() <= 100.0


@fake_time
async def test_a_clock_that_is_set_forward_takes_no_agent_its_time() -> None:
    clock = SettableClock()
    async with small_fleet(in_review(Says(after_s=5.0)), clock=clock) as fleet:
        asyncio.get_running_loop().call_later(0.5, clock.set_by, 600.0)
        result = await fleet.deliberate.run(fleet.request(task(code=False, rounds=1, seconds=100.0)))
        assert [agent.outcome for agent in result.agents] == ["answered"] * 3
        assert not result.partial
