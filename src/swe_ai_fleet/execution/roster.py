"""Who of several equal places takes the next call: kept together or spread, never above what a place bears."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from swe_ai_fleet.models.affinity import by_affinity

_Handle = TypeVar("_Handle")
_TOGETHER = 32
"""Calls that may stay together at one place however idle the others are."""
_IMBALANCE = 1.25


@dataclass(slots=True, kw_only=True, eq=False)
class Place(Generic[_Handle]):
    """One place where calls go."""

    name: str
    handle: _Handle
    load: int = 0
    """Calls of this process that are there now."""
    is_up: bool = False
    rests: int = 0
    """Pauses during which it takes no further calls."""


class Roster(Generic[_Handle]):
    """The places, and the line of calls that wait for one."""

    def __init__(self, places: Sequence[Place[_Handle]], *, max_load: int) -> None:
        """Every place begins down; ``max_load`` bounds the calls at one of them."""
        self.places = tuple(places)
        self._max_load = max_load
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def up(self) -> tuple[Place[_Handle], ...]:
        """The places that are not down."""
        return tuple(place for place in self.places if place.is_up)

    def rise(self, place: Place[_Handle]) -> None:
        """It takes calls from now on."""
        place.is_up = True
        self._wake_all()

    def fall(self, place: Place[_Handle]) -> bool:
        """It takes no calls until it rises; False where that was known already."""
        was_up, place.is_up = place.is_up, False
        return was_up

    def rest(self, place: Place[_Handle], pause_s: float) -> None:
        """It sheds load: for so long calls go elsewhere, and wait where there is no other place."""
        place.rests += 1
        asyncio.get_running_loop().call_later(pause_s, self._end_rest, place)

    def _end_rest(self, place: Place[_Handle]) -> None:
        place.rests -= 1
        self._wake_all()

    @asynccontextmanager
    async def place(self, key: str, *, spreads: bool) -> AsyncIterator[Place[_Handle]]:
        """A place for one call, waited for while none is up and has room.

        Args:
            key: what belongs together.
            spreads: go to the least loaded place, for calls that compute; the others stay together by ``key`` as long
                as their place bears it: at most 32 calls, or 1.25 times its fair share (consistent hashing with
                bounded loads, Mirrokni, Thorup and Zadimoghaddam 2018).
        """
        while (chosen := self._choose(key, spreads=spreads)) is None:
            await self._change()
        chosen.load += 1
        try:
            yield chosen
        finally:
            chosen.load -= 1
            self._wake()

    def _choose(self, key: str, *, spreads: bool) -> Place[_Handle] | None:
        free = {place.name: place for place in self.up if self._has_room(place)}
        if not free:
            return None
        preferred = [free[name] for name in by_affinity(key, free)]
        if spreads:
            return min(preferred, key=lambda place: place.load)
        total = sum(place.load for place in preferred) + 1
        bound = max(_TOGETHER, _IMBALANCE * total / len(preferred))
        return next(place for place in preferred if place.load < bound)

    def _has_room(self, place: Place[_Handle]) -> bool:
        return place.load < self._max_load and not place.rests

    async def _change(self) -> None:
        waiter = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake()
            raise

    def _wake_all(self) -> None:
        while self._waiting:
            self._wake()

    def _wake(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
