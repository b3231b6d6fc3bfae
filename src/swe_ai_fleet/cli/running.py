"""Runs a command's coroutine to its exit code, with uvloop and with signals that end it in order."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from swe_ai_fleet.cli.exits import Exit
from swe_ai_fleet.cli.interrupts import Interrupts, interruptible
from swe_ai_fleet.execution.collecting import collect_seldom

Main = Callable[[Interrupts], Coroutine[Any, Any, int]]


def run(main: Main) -> int:
    """The exit code that ``main`` returns; 130 where an interrupt ended it."""
    collect_seldom()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_guarded(main))


async def _guarded(main: Main) -> int:
    with interruptible() as interrupts:
        try:
            return await main(interrupts)
        except asyncio.CancelledError:
            if not interrupts.fired:
                raise
            return Exit.INTERRUPTED


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not on every platform
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
