"""The record of a process that is asked many things at once, on one event loop."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from swe_ai_fleet.ports.record import Record

OpenRecord = Callable[[], AbstractAsyncContextManager[Record]]
"""Opens the record in the process that uses it; picklable, so that it can travel."""


class KeptRecord:
    """Opened by whoever needs it first, shared by all, and kept until :meth:`close`.

    A task of its own opens and closes it, so that no caller's end or cancellation takes it away from the others. One
    whose connection is gone for good is opened anew for whoever comes next.
    """

    def __init__(self, open_record: OpenRecord) -> None:
        """Nothing is opened yet."""
        self._open = open_record
        self._leaving = asyncio.Event()
        self._holder: asyncio.Task[None] | None = None
        self._record: asyncio.Future[Record] | None = None

    async def get(self) -> Record:
        """The open record; whatever opening it raises is raised, and the next caller tries anew."""
        if self._record is None or _is_spent(self._record):
            self._leaving.set()
            self._leaving = asyncio.Event()
            self._record = asyncio.get_running_loop().create_future()
            self._holder = asyncio.ensure_future(self._hold(self._record, self._leaving))
        return await asyncio.shield(self._record)

    async def close(self) -> None:
        """Close it, if it is open. Idempotent."""
        self._leaving.set()
        if self._holder is not None:
            await self._holder

    async def _hold(self, opened: asyncio.Future[Record], leaving: asyncio.Event) -> None:
        try:
            async with self._open() as record:
                opened.set_result(record)
                await leaving.wait()
        except Exception as error:
            if opened.done():
                raise
            opened.set_exception(error)


def _is_spent(record: asyncio.Future[Record]) -> bool:
    """It could not be opened, or nothing goes over it any more."""
    return record.done() and (record.exception() is not None or record.result().is_gone())
