"""Asking twice when the first answer is slow, and taking whichever comes first."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from swe_ai_fleet.errors import ModelError

_Answer = TypeVar("_Answer")


async def first_answer(
    first: Callable[[], Coroutine[Any, Any, _Answer]],
    second: Callable[[], Coroutine[Any, Any, _Answer]],
    *,
    after_s: float,
    may_hedge: Callable[[], bool],
) -> _Answer:
    """The answer of ``first``, or of ``second`` if it is started and quicker; the other one is cancelled.

    Args:
        first: makes the call.
        second: makes the same call again; started only where ``first`` takes longer than ``after_s``.
        after_s: how long ``first`` has for itself.
        may_hedge: asked at that moment whether ``second`` may be started.

    Raises:
        ModelError: both failed, or ``first`` failed alone; the first call's error.
    """
    calls = [asyncio.create_task(first())]
    try:
        done, _ = await asyncio.wait(calls, timeout=after_s)
        if not done and may_hedge():
            calls.append(asyncio.create_task(second()))
        return await _quickest(calls)
    finally:
        await _end(calls)


async def _quickest(calls: list[asyncio.Task[_Answer]]) -> _Answer:
    """The first success; where all fail, the error of the first call in the list."""
    pending: set[asyncio.Task[_Answer]] = set(calls)
    while pending:
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        for call in done:
            if call.exception() is None:
                return call.result()
            if not isinstance(call.exception(), ModelError):
                return call.result()
    return calls[0].result()


async def _end(calls: list[asyncio.Task[_Answer]]) -> None:
    """Cancel what still runs and wait until it has let go of its connection."""
    for call in calls:
        call.cancel()
    await asyncio.wait(calls)
    for call in calls:
        if not call.cancelled():
            call.exception()
