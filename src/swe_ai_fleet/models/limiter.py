"""A limit on calls in flight whose waiting line serves the more urgent first."""

import asyncio
import heapq


class PriorityLimiter:
    """At most ``limit`` calls at once. Waiting calls go by priority, lowest number first, then in order of arrival.

    The limit follows what the endpoint bears: :meth:`shrink` when it sheds load, :meth:`grow` with each call that
    it serves. Between calls it holds nothing of an event loop, so it may be used on one loop after another.
    """

    def __init__(self, limit: int) -> None:
        """``limit``, at least 1, is never exceeded."""
        self._most = limit
        self._allowed = float(limit)
        self.in_flight = 0
        self._arrivals = 0
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []

    @property
    def waiting(self) -> int:
        """Calls in the line."""
        return sum(not future.done() for _, _, future in self._waiting)

    @property
    def has_free_slot(self) -> bool:
        """A call could start at once."""
        return self.in_flight < self.limit

    @property
    def limit(self) -> int:
        """Calls that may be in flight now."""
        return int(self._allowed)

    def shrink(self) -> None:
        """The endpoint shed load: half of the calls that are in flight now, at least one."""
        self._allowed = max(1.0, min(self._allowed, self.in_flight) / 2)

    def grow(self) -> None:
        """The endpoint served a call: one more may be in flight after as many of them as are allowed."""
        if self._allowed < self._most:
            self._allowed = min(float(self._most), self._allowed + 1.0 / self._allowed)
            self._hand_out()

    async def acquire(self, priority: int) -> None:
        """Take a slot, to be given back with :meth:`release`. Cancelling a waiting call takes it out of the line."""
        if self.has_free_slot:
            self.in_flight += 1
            return
        future = asyncio.get_running_loop().create_future()
        self._arrivals += 1
        heapq.heappush(self._waiting, (priority, self._arrivals, future))
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Give a slot back."""
        self.in_flight -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        """Give the free slots to the first in the line."""
        while self._waiting and self.has_free_slot:
            _, _, future = heapq.heappop(self._waiting)
            if not future.done():
                self.in_flight += 1
                future.set_result(None)
