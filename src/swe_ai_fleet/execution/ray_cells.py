"""The matrix on the whole cluster: batches of programs as Ray tasks, each with a sandboxed server of its own."""

import asyncio
import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from functools import partial

from swe_ai_fleet.errors import SandboxError, SandboxUnavailableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_work import RayWork
from swe_ai_fleet.ports.cells import Call, CellLimits, CellResult, CellRunner, Program

BuildCellRunner = Callable[[], CellRunner]
"""Makes the cell runner of the process where it will work; picklable, so that it can travel."""

_LARGEST_BATCH = 16
_BATCHES_A_PLACE = 2
"""More batches than places: a slow program holds up few others, and the start of a process still pays."""

_Results = list[CellResult]


class RayCellRunner:
    """A :class:`~swe_ai_fleet.ports.cells.CellRunner` that is one on every node.

    Results come a batch at a time. A batch whose worker dies is run once more, before any of it is told; should that
    worker die too, its programs are run one by one, and only one that takes its worker along has no results.
    """

    def __init__(self, options: RayOptions, build: BuildCellRunner) -> None:
        """``build`` makes the runner in each worker. The cluster must be connected already; the agents' pool does that.

        Raises:
            InputError: a condition on labels is none.
        """
        self._work = RayWork(options, build)

    async def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        """Every program on every call; leaving the iteration cancels the tasks, which kills what they run.

        Raises:
            PlacementError: no node can host a batch.
        """
        if not programs or not calls:
            return
        results: asyncio.Queue[_Results | None] = asyncio.Queue()
        owner = asyncio.ensure_future(self._fill(results, programs, calls, limits))
        try:
            while (batch := await results.get()) is not None:
                for result in batch:
                    yield result
            await owner
        finally:
            owner.cancel()
            with suppress(asyncio.CancelledError):
                await owner

    async def _fill(
        self,
        results: "asyncio.Queue[_Results | None]",
        programs: Sequence[Program],
        calls: Sequence[Call],
        limits: CellLimits | None,
    ) -> None:
        """Fill the queue; None ends it."""

        async def run(first: int, batch: Sequence[Program]) -> None:
            try:
                cells = await self._work.on_some_node(partial(_run_batch, first, batch, calls, limits))
            except SandboxUnavailableError:
                raise
            except SandboxError:
                if len(batch) > 1:
                    await spread(first, batch, size=1)
                    return
                cells = [CellResult(program=first, call=call, status="killed") for call in range(len(calls))]
            results.put_nowait(cells)

        async def spread(start: int, some: Sequence[Program], *, size: int) -> None:
            async with asyncio.TaskGroup() as group:
                for place in range(0, len(some), size):
                    group.create_task(run(start + place, some[place : place + size]))

        try:
            await spread(0, programs, size=batch_size(len(programs), await self._work.places()))
        except ExceptionGroup as errors:
            raise _first_of(errors) from errors
        finally:
            results.put_nowait(None)


def _first_of(errors: BaseException) -> BaseException:
    return _first_of(errors.exceptions[0]) if isinstance(errors, BaseExceptionGroup) else errors


def batch_size(programs: int, places: int) -> int:
    """How many programs one task runs, so that every place has work for as long as there is some."""
    return max(1, min(_LARGEST_BATCH, math.ceil(programs / (_BATCHES_A_PLACE * max(1, places)))))


async def _run_batch(
    first: int,
    programs: Sequence[Program],
    calls: Sequence[Call],
    limits: CellLimits | None,
    runner: CellRunner,
) -> _Results:
    """In the worker; ``first`` is the place of the batch's first program among all."""
    cells = runner.run(programs, calls, limits=limits)
    return [cell.model_copy(update={"program": first + cell.program}) async for cell in cells]
