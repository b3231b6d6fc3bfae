"""Requests under way: each is known by its number, so that whatever ends it can end it at once."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

from swe_ai_fleet.errors import RecordError, RecordUnavailableError
from swe_ai_fleet.messaging.nats_client import Incoming

_SWEEP_S = 0.1


@dataclass(slots=True)
class Request:
    """One request under way: ``ended`` is resolved by its last message, or by what prevents it."""

    number: str
    """Unique in its connection."""
    subject: str
    deadline: float
    """By the event loop's clock."""
    ended: "asyncio.Future[None]"
    takes_many: bool
    messages: list[Incoming] = field(default_factory=list)

    def take(self, message: Incoming) -> None:
        """One of its replies."""
        self.messages.append(message)
        if not self.takes_many or message.status is not None:
            self.ended.set_result(None)

    def fail(self, error: RecordError) -> None:
        """What ends it instead of a reply; ignored where it has ended."""
        if not self.ended.done():
            self.ended.set_exception(error)


class UnderWay:
    """All requests of one connection."""

    def __init__(self) -> None:
        """None yet."""
        self._numbers = itertools.count()
        self._requests: dict[str, Request] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    def add(self, subject: str, *, deadline: float, takes_many: bool) -> Request:
        """A new one."""
        loop = asyncio.get_running_loop()
        request = Request(str(next(self._numbers)), subject, deadline, loop.create_future(), takes_many)
        self._requests[request.number] = request
        if self._sweeper is None:
            self._sweeper = loop.call_later(_SWEEP_S, self._sweep)
        return request

    def remove(self, request: Request) -> None:
        """It has ended; what still comes for it is ignored."""
        self._requests.pop(request.number, None)

    def take(self, number: str, message: Incoming) -> None:
        """A reply to one of them."""
        request = self._requests.get(number)
        if request is not None and not request.ended.done():
            request.take(message)

    def fail_all(self, why: Callable[[], RecordError]) -> None:
        """End every one."""
        for request in list(self._requests.values()):
            request.fail(why())

    def fail_those_to(self, lower_subject: str, why: Callable[[str], RecordError]) -> None:
        """End those to a subject that is known in lower case only; ``why`` is given the subject as it was sent."""
        for request in list(self._requests.values()):
            if request.subject.lower() == lower_subject:
                request.fail(why(request.subject))

    def _sweep(self) -> None:
        """End what is overdue: one timer for all requests, because one each would cost as much as the request."""
        loop = asyncio.get_running_loop()
        for request in list(self._requests.values()):
            if request.deadline <= loop.time():
                request.fail(RecordUnavailableError(f"NATS did not answer {request.subject} in time"))
        self._sweeper = loop.call_later(_SWEEP_S, self._sweep) if self._requests else None
