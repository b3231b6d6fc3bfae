"""An actor whose calls wait for a word, and that tells when one of them was cancelled."""

import asyncio


class Waiting:
    """Its calls of :meth:`wait` return once :meth:`say` was called."""

    def __init__(self) -> None:
        self._begun = asyncio.Event()
        self._said = asyncio.Event()
        self._cancelled = asyncio.Event()

    async def wait(self) -> str:
        self._begun.set()
        try:
            await self._said.wait()
        except asyncio.CancelledError:
            self._cancelled.set()
            raise
        return "heard"

    async def say(self) -> None:
        self._said.set()

    async def until_begun(self) -> None:
        await self._begun.wait()

    async def until_cancelled(self) -> None:
        await self._cancelled.wait()
