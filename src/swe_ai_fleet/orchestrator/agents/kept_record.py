"""The record of a process that is asked many things at once, on one event loop."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from swe_ai_fleet.ports.record import Record

OpenRecord = Callable[[], AbstractAsyncContextManager[Record]]
"""Opens the record in the process that uses it; picklable, so that it can travel."""


class KeptRecord:
    """Opened by whoever needs it first, shared by all, and kept until :meth:`close`.

    A task of its own opens and closes it, so that no caller's end or cancellation takes it away from the others.
    """

    def __init__(self, open_record: OpenRecord) -> None:
        """Nothing is opened yet."""
        self._open = open_record
        self._leaving = asyncio.Event()
        self._holder: asyncio.Task[None] | None = None
        self._record: asyncio.Future[Record] | None = None

    async def get(self) -> Record:
        """The open record; whatever opening it raises is raised, and the next caller tries anew."""
        if self._record is None or (self._record.done() and self._record.exception() is not None):
            self._record = asyncio.get_running_loop().create_future()
            self._holder = asyncio.ensure_future(self._hold(self._record))
        return await asyncio.shield(self._record)

    async def close(self) -> None:
        """Close it, if it is open. Idempotent."""
        self._leaving.set()
        if self._holder is not None:
            await self._holder

    async def _hold(self, opened: asyncio.Future[Record]) -> None:
        try:
            async with self._open() as record:
                opened.set_result(record)
                await self._leaving.wait()
        except Exception as error:
            if opened.done():
                raise
            opened.set_exception(error)
