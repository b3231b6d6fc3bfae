"""Asking twice when the first answer is slow."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from fake_time import fake_time, now_s

from swe_ai_fleet.errors import ModelServerError
from swe_ai_fleet.models.hedging import first_answer


class Calls:
    def __init__(self) -> None:
        self.made: list[str] = []
        self.cancelled: list[str] = []

    def make(
        self, name: str, takes_s: float, *, fails: bool = False
    ) -> Callable[[], Coroutine[Any, Any, str]]:
        async def call() -> str:
            self.made.append(name)
            try:
                await asyncio.sleep(takes_s)
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
            if fails:
                raise ModelServerError("vllm:m", name)
            return name

        return call


@fake_time
async def test_a_quick_answer_is_asked_for_once() -> None:
    calls = Calls()
    answer = await first_answer(
        calls.make("first", 1), calls.make("second", 1), after_s=2, may_hedge=lambda: True
    )
    assert (answer, calls.made, now_s()) == ("first", ["first"], 1)


@fake_time
async def test_a_straggler_is_overtaken_and_cancelled() -> None:
    calls = Calls()
    answer = await first_answer(
        calls.make("first", 60), calls.make("second", 1), after_s=2, may_hedge=lambda: True
    )
    assert (answer, calls.cancelled, now_s()) == ("second", ["first"], 3)


@fake_time
async def test_the_straggler_may_still_win() -> None:
    calls = Calls()
    answer = await first_answer(
        calls.make("first", 3), calls.make("second", 9), after_s=2, may_hedge=lambda: True
    )
    assert (answer, calls.cancelled, now_s()) == ("first", ["second"], 3)


@fake_time
async def test_where_hedging_is_not_allowed_the_straggler_is_waited_for() -> None:
    calls = Calls()
    answer = await first_answer(
        calls.make("first", 9), calls.make("second", 1), after_s=2, may_hedge=lambda: False
    )
    assert (answer, calls.made) == ("first", ["first"])


@fake_time
async def test_one_failure_of_two_is_no_failure() -> None:
    calls = Calls()
    slow_bad, good = calls.make("first", 3, fails=True), calls.make("second", 5)
    assert await first_answer(slow_bad, good, after_s=2, may_hedge=lambda: True) == "second"


@fake_time
async def test_two_failures_raise_the_first_calls_error() -> None:
    calls = Calls()
    with pytest.raises(ModelServerError, match="first"):
        await first_answer(
            calls.make("first", 9, fails=True),
            calls.make("second", 1, fails=True),
            after_s=2,
            may_hedge=lambda: True,
        )


@fake_time
async def test_cancelling_the_caller_cancels_both() -> None:
    calls = Calls()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await first_answer(
                calls.make("first", 60), calls.make("second", 60), after_s=2, may_hedge=lambda: True
            )
    assert calls.cancelled == ["first", "second"]
