"""Who is let in, and when."""

import asyncio
from typing import Any

import pytest
from assignments import assignment, critique_step, revise_step, spec

from swe_ai_fleet.domain.brief import Assignment, Brief
from swe_ai_fleet.domain.outcome import Cancelled, Outcome
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.execution.admission import Admission, AdmittedAgentPool
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock


class Held:
    """A pool whose calls end when they are told to."""

    def __init__(self) -> None:
        self.inside: dict[str, asyncio.Event] = {}
        self.order: list[str] = []
        self.most = 0

    async def ask(self, assignment: Assignment) -> Outcome:
        name = assignment.agent.agent_id
        self.order.append(name)
        self.inside[name] = asyncio.Event()
        self.most = max(self.most, len(self.inside))
        try:
            await self.inside[name].wait()
        finally:
            del self.inside[name]
        return Cancelled(reason="held")


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


class Door:
    def __init__(self, **admission: Any) -> None:
        self.held = Held()
        self.pool = AdmittedAgentPool(self.held, Admission(**admission), clock=SystemClock())
        self.calls: dict[str, asyncio.Future[Outcome]] = {}

    async def knock(
        self, name: str, *, role: str = "DEV", tokens: int = 100, step: Any = None, **fields: Any
    ) -> None:
        asked = assignment(step, agent=spec(name, role=role), max_tokens=tokens, **fields)
        self.calls[name] = asyncio.ensure_future(self.pool.ask(asked))
        await settle()

    async def end(self, name: str) -> None:
        self.held.inside[name].set()
        await settle()

    async def cancel(self, name: str) -> None:
        self.calls[name].cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.calls[name]
        await settle()


async def test_no_more_are_let_in_than_the_limit() -> None:
    door = Door(calls=2)
    for name in "abcd":
        await door.knock(name)
    assert (sorted(door.held.inside), door.pool.under_way, door.pool.waiting) == (["a", "b"], 2, 2)
    await door.end("a")
    assert sorted(door.held.inside) == ["b", "c"]


async def test_reviews_go_before_revisions_and_those_before_proposals() -> None:
    door = Door(calls=1)
    await door.knock("first")
    await door.knock("proposal")
    await door.knock("revision", step=revise_step())
    await door.knock("review", step=critique_step("ada"))
    for name in ("first", "review", "revision", "proposal"):
        await door.end(name)
    assert door.held.order == ["first", "review", "revision", "proposal"]


async def test_what_somebody_waits_for_goes_before_a_batch() -> None:
    door = Door(calls=1)
    batch = Brief(task=Task(description="Name three risks.", priority="batch"))
    await door.knock("first")
    await door.knock("batch-revision", step=revise_step(), brief=batch)
    await door.knock("batch-proposal", brief=batch)
    await door.knock("proposal")
    await door.knock("batch-review", step=critique_step("ada"), brief=batch)
    for name in ("first", "batch-review", "proposal", "batch-revision", "batch-proposal"):
        await door.end(name)
    assert door.held.order == ["first", "batch-review", "proposal", "batch-revision", "batch-proposal"]


async def test_a_full_role_does_not_hold_up_the_others() -> None:
    door = Door(calls=10, calls_per_role={"DEV": 1})
    await door.knock("dev-1")
    await door.knock("dev-2")
    await door.knock("qa-1", role="QA")
    assert sorted(door.held.inside) == ["dev-1", "qa-1"]
    assert door.pool.reports() == {"DEV": 1, "QA": 1}
    await door.end("dev-1")
    assert sorted(door.held.inside) == ["dev-2", "qa-1"]


async def test_tokens_are_bounded_and_a_large_call_has_its_turn() -> None:
    door = Door(tokens=300)
    await door.knock("a", tokens=200)
    await door.knock("large", tokens=1000)
    await door.knock("small", tokens=50)
    assert sorted(door.held.inside) == ["a"]
    await door.end("a")
    assert sorted(door.held.inside) == ["large"]
    await door.end("large")
    assert sorted(door.held.inside) == ["small"]


async def test_a_cancelled_call_gives_its_place_away() -> None:
    door = Door(calls=1)
    for name in "abc":
        await door.knock(name)
    await door.cancel("b")
    await door.cancel("a")
    assert sorted(door.held.inside) == ["c"]
    await door.end("c")
    assert (door.pool.under_way, door.pool.waiting) == (0, 0)


async def test_a_large_call_that_gives_up_lets_those_behind_it_in() -> None:
    door = Door(tokens=300)
    await door.knock("a", tokens=200)
    await door.knock("large", tokens=1000)
    await door.knock("small", tokens=50)
    await door.cancel("large")
    assert sorted(door.held.inside) == ["a", "small"]


async def test_a_call_that_finds_no_room_before_its_deadline_leaves_the_line() -> None:
    door = Door(calls=1)
    await door.knock("a")
    await door.knock("late", seconds=0.05)
    with pytest.raises(TimeoutError):
        await door.calls["late"]
    assert (door.pool.under_way, door.pool.waiting) == (1, 0)
    await door.end("a")
    assert (door.pool.under_way, door.held.order) == (0, ["a"])
