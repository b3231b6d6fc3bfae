"""A worker takes commands, deliberates and settles each delivery exactly once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from fake_time import fake_time, now_s
from small_fleet import MODEL, Says, ScriptedChecks, SmallFleet, by_agent, small_fleet
from story import task

from swe_ai_fleet.domain.events import Requested
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.errors import (
    BudgetError,
    RecordNotFoundError,
    RecordUnavailableError,
    SandboxUnavailableError,
    UnreachableError,
)
from swe_ai_fleet.orchestrator.usecases.work_async import Prepare, WorkAsync
from swe_ai_fleet.ports.record import Command, CommandQueue, Delivery, Published

HANGS = Says(after_s=10**6)


def preparing(fleet: SmallFleet, error: Exception | None = None) -> Prepare:
    async def prepare(command: Command) -> tuple[Requested, tuple[str, ...]]:
        if error is not None:
            raise error
        return fleet.request(command.task, deliberation_id=command.deliberation_id), ()

    return prepare


def command(fleet: SmallFleet, deliberation_id: str = "d1") -> Command:
    return Command(
        deliberation_id=deliberation_id, task=task(), seed=7, models=(MODEL,), time=fleet.clock.now()
    )


@asynccontextmanager
async def working(
    fleet: SmallFleet,
    *,
    concurrency: int = 4,
    error: Exception | None = None,
    queue: CommandQueue | None = None,
) -> AsyncIterator[asyncio.Task[None]]:
    """A worker that is told to stop at the end, and does."""
    worker = WorkAsync(
        queue=queue or fleet.record.commands,
        deliberate=fleet.deliberate,
        prepare=preparing(fleet, error),
        concurrency=concurrency,
    )
    stop = asyncio.Event()
    task_ = asyncio.create_task(worker.run(stop))
    try:
        yield task_
    finally:
        stop.set()
        await task_


async def closed(fleet: SmallFleet, *deliberation_ids: str) -> None:
    async with asyncio.timeout(600):
        for deliberation_id in deliberation_ids:
            async with fleet.record.events.follow(deliberation_id) as stream:
                async for _ in stream:
                    pass


@fake_time
async def test_commands_are_worked_on_side_by_side_up_to_the_limit_and_each_is_closed_once() -> None:
    async with small_fleet() as fleet:
        names = [f"d{n}" for n in range(6)]
        for name in names:
            await fleet.record.commands.submit(command(fleet, name))
        async with working(fleet, concurrency=3):
            await closed(fleet, *names)
            assert 4.0 <= now_s() <= 5.5
            await asyncio.sleep(1)
        for name in names:
            assert (await fleet.types(name)).count("closed") == 1
        assert await fleet.record.commands.next(wait_s=300.0) is None


@fake_time
async def test_a_command_that_can_never_work_becomes_one_dead_letter_with_the_reason() -> None:
    async with small_fleet() as fleet:
        await fleet.record.commands.submit(command(fleet))
        async with working(fleet, error=BudgetError("the budget cannot hold the council")):
            await asyncio.sleep(5)
        letters = await fleet.record.dead_letters.list()
        assert [letter.reason for letter in letters] == ["the budget cannot hold the council"]
        assert await fleet.types() == []


@fake_time
async def test_one_that_is_cancelled_on_the_queue_is_closed_by_its_worker_and_nobody_is_asked() -> None:
    async with small_fleet() as fleet:
        await fleet.record.commands.submit(command(fleet))
        for _ in range(2):
            assert await fleet.cancel.run("d1", reason="a typo in the task") is None
        async with working(fleet):
            await closed(fleet, "d1")
            await asyncio.sleep(1)
        assert await fleet.types() == ["cancel_requested", "requested", "closed"]
        ended = await fleet.cancel.run("d1")
        assert ended is not None
        assert ended.outcome is DeliberationOutcome.CANCELLED
        assert await fleet.record.commands.next(wait_s=300.0) is None
        with pytest.raises(RecordNotFoundError):
            await fleet.cancel.run("d2")


@fake_time
async def test_a_defect_in_one_deliberation_is_told_as_a_dead_letter_and_the_others_go_on() -> None:
    checks = ScriptedChecks(base_error=ZeroDivisionError("nobody thought of this"))
    async with small_fleet(checks=checks) as fleet:
        await fleet.record.commands.submit(command(fleet, "bad"))
        async with working(fleet):
            await asyncio.sleep(3)
            checks.base_error = None
            await fleet.record.commands.submit(command(fleet, "good"))
            await closed(fleet, "good")
        [letter] = await fleet.record.dead_letters.list()
        assert (letter.deliberation_id, letter.reason) == (
            "bad",
            "defect: ZeroDivisionError: nobody thought of this",
        )


@fake_time
async def test_a_defect_before_the_first_event_is_a_dead_letter_too() -> None:
    async with small_fleet() as fleet:
        await fleet.record.commands.submit(command(fleet))
        async with working(fleet, error=RuntimeError("no home folder")) as worker:
            await asyncio.sleep(60)
            assert not worker.done()
        (letter,) = await fleet.record.dead_letters.list()
        assert letter.reason == "defect: RuntimeError: no home folder"


@fake_time
async def test_what_closed_as_failed_is_done_and_no_dead_letter() -> None:
    checks = ScriptedChecks(base_error=SandboxUnavailableError("nothing strong enough"))
    async with small_fleet(checks=checks) as fleet:
        await fleet.record.commands.submit(command(fleet))
        async with working(fleet):
            await closed(fleet, "d1")
            await asyncio.sleep(1)
        assert await fleet.record.dead_letters.list() == []
        assert await fleet.record.commands.next(wait_s=300.0) is None


@fake_time
async def test_what_cannot_work_now_is_tried_again_later() -> None:
    async with small_fleet() as fleet:
        await fleet.record.commands.submit(command(fleet))
        async with working(fleet, error=UnreachableError("model", "http://h", "Start it.")):
            await asyncio.sleep(3)
        async with working(fleet):
            await closed(fleet, "d1")
        assert await fleet.record.dead_letters.list() == []


@fake_time
async def test_a_worker_that_stops_hands_back_what_is_unfinished_and_the_next_one_asks_only_the_rest() -> (
    None
):
    says = {"dev-1": Says(), "dev-2": HANGS, "dev-3": HANGS}
    async with small_fleet(lambda assignment: says[assignment.agent.agent_id]) as fleet:
        await fleet.record.commands.submit(command(fleet))
        async with working(fleet):
            await asyncio.sleep(5)
            began_to_stop = now_s()
        assert now_s() - began_to_stop < 1
        says.update({"dev-2": Says(), "dev-3": Says()})
        async with working(fleet):
            await closed(fleet, "d1")
        asked = [agent for agent, _, _ in fleet.agents.asked]
        assert (asked.count("dev-1"), asked.count("dev-2"), asked.count("dev-3")) == (1, 2, 2)
        assert await fleet.record.dead_letters.list() == []


@fake_time
async def test_a_long_deliberation_is_not_handed_to_somebody_else() -> None:
    async with small_fleet(lambda _: Says(after_s=80.0)) as fleet:
        await fleet.record.commands.submit(command(fleet))
        async with working(fleet), working(fleet):
            await closed(fleet, "d1")
        assert len(fleet.agents.asked) == 3


@dataclass(kw_only=True)
class Outage:
    """A queue that is away for some calls, and whose deliveries cannot be settled while it is."""

    inner: CommandQueue
    is_away: bool = False
    refused: list[str] = field(default_factory=list)

    async def submit(self, command: Command) -> Published:
        return await self.inner.submit(command)

    async def next(self, *, wait_s: float) -> Delivery | None:
        self.see("next")
        delivery = await self.inner.next(wait_s=wait_s)
        return None if delivery is None else _Refusing(delivery, self)

    async def find(self, deliberation_id: str) -> Command | None:
        return await self.inner.find(deliberation_id)

    async def pending(self) -> int:
        self.see("pending")
        return await self.inner.pending()

    def see(self, what: str) -> None:
        if self.is_away:
            self.refused.append(what)
            raise RecordUnavailableError("NATS is away")


class _Refusing:
    def __init__(self, inner: Delivery, outage: Outage) -> None:
        self._inner = inner
        self._outage = outage

    @property
    def command(self) -> Command:
        return self._inner.command

    @property
    def delivered(self) -> int:
        return self._inner.delivered

    async def ack(self) -> None:
        self._outage.see("ack")
        await self._inner.ack()

    async def nak(self, *, delay_s: float) -> None:
        self._outage.see("nak")
        await self._inner.nak(delay_s=delay_s)

    async def term(self, reason: str, *, refused: bool = False) -> None:
        self._outage.see("term")
        await self._inner.term(reason, refused=refused)

    async def in_progress(self) -> None:
        self._outage.see("in_progress")
        await self._inner.in_progress()


@fake_time
async def test_a_queue_that_is_away_for_a_while_ends_no_worker_and_no_work_is_done_twice() -> None:
    async with small_fleet(lambda _: Says(after_s=20.0)) as fleet:
        queue = Outage(inner=fleet.record.commands)
        await queue.submit(command(fleet))
        async with working(fleet, queue=queue) as worker:
            await asyncio.sleep(1)
            assert fleet.agents.asked
            queue.is_away = True
            await closed(fleet, "d1")
            await asyncio.sleep(10)
            assert {"next", "in_progress", "ack"} <= set(queue.refused)
            assert not worker.done()
            queue.is_away = False
            await queue.submit(command(fleet, "d2"))
            await closed(fleet, "d2")
            await asyncio.sleep(120)
        assert len(fleet.agents.asked) == 6
        assert (await fleet.types()).count("closed") == 1
        assert await fleet.record.dead_letters.list() == []


@fake_time
async def test_a_queue_that_is_away_when_the_worker_stops_does_not_keep_it() -> None:
    async with small_fleet(lambda _: HANGS) as fleet:
        queue = Outage(inner=fleet.record.commands)
        await queue.submit(command(fleet))
        async with working(fleet, queue=queue):
            await asyncio.sleep(1)
            assert fleet.agents.asked
            queue.is_away = True
        assert "nak" in queue.refused


@fake_time
async def test_a_command_that_comes_again_while_it_is_at_work_here_asks_nobody_twice() -> None:
    async with small_fleet(by_agent({}, Says(after_s=50))) as fleet:
        queue = Outage(inner=fleet.record.commands)
        await fleet.record.commands.submit(command(fleet))
        async with working(fleet, queue=queue):
            await asyncio.sleep(2)
            queue.is_away = True
            await asyncio.sleep(35)
            queue.is_away = False
            await closed(fleet, "d1")
            await asyncio.sleep(1)
        assert "in_progress" in queue.refused
        assert sorted(fleet.agents.asked) == [(f"dev-{n}", 0, "propose") for n in (1, 2, 3)]
        assert await fleet.record.commands.next(wait_s=300.0) is None
