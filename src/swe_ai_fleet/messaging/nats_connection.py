"""One connection to NATS whose requests end promptly: with a reply, a lost connection or a refusal.

The client library leaves a request that the server refused, or that was under way when the connection broke, to its
timeout. Here every request under way is known by its reply subject, so that both end it at once.
"""

import asyncio
import itertools
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.errors import SlowConsumerError

from swe_ai_fleet.errors import RecordDeniedError, RecordError, RecordUnavailableError

_log = structlog.get_logger()
_REFUSED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')
_STATUS = "Status"
_NO_RESPONDERS = "503"
_CLOSE_S = 1.0
_FLUSH_S = 5

OnMessage = Callable[[Msg], None]


class Watcher(Protocol):
    """Told what a subscription cannot see for itself."""

    def lost(self) -> None:
        """Messages may have been missed: the connection was replaced, or the client fell behind."""
        ...

    def refused(self, error: RecordError) -> None:
        """These credentials may not subscribe this."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """One request under way: ``ended`` is resolved by its last message, or by what prevents it."""

    number: str
    """Unique in its connection."""
    subject: str
    ended: "asyncio.Future[None]"
    takes_many: bool
    messages: list[Msg] = field(default_factory=list)

    def take(self, message: Msg) -> None:
        """One of its replies."""
        self.messages.append(message)
        if not self.takes_many or header(message, _STATUS) is not None:
            self.ended.set_result(None)

    def fail(self, error: RecordError) -> None:
        """What ends it instead of a reply; ignored where it has ended."""
        if not self.ended.done():
            self.ended.set_exception(error)


class NatsConnection:
    """Requests and subscriptions over one client."""

    def __init__(self, client: Client, *, inbox_prefix: str) -> None:
        """``client`` is not connected yet; its callbacks are the methods named ``on_...``."""
        self.client = client
        self._inbox = ""
        self._inbox_prefix = inbox_prefix
        self._numbers = itertools.count()
        self._under_way: dict[str, Request] = {}
        self._watchers: dict[str, list[Watcher]] = {}
        self._up = asyncio.Event()
        self._gone: Callable[[], RecordError] | None = None
        self.last_error: Exception | None = None

    async def start(self) -> None:
        """Take replies; called once, when the client is connected.

        Raises:
            RecordDeniedError: these credentials may not listen where replies come in.
            RecordUnavailableError: the server went away already.
        """
        inbox = self.new_inbox()
        self._inbox = f"{inbox}."
        try:
            await self.client.subscribe(f"{inbox}.*", cb=self._on_reply)
            await self.client.flush(_FLUSH_S)
        except (NatsError, OSError) as error:
            raise RecordUnavailableError(f"the connection to NATS broke: {error}") from error
        self._up.set()
        await self.wait_up()

    async def stop(self) -> None:
        """End every request, then leave within a second; nothing is drained, so nothing can hang in a drain."""
        self._give_up(lambda: RecordUnavailableError("the connection to NATS was closed"))
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self.client.close()
        except (TimeoutError, NatsError, OSError) as error:
            _log.warning("record.close_failed", error=str(error))

    @property
    def has_started(self) -> bool:
        """It was connected at least once."""
        return bool(self._inbox)

    @property
    def is_up(self) -> bool:
        """Connected, as far as is known."""
        return self._up.is_set() and self._gone is None

    async def wait_up(self) -> None:
        """Return when connected.

        Raises:
            RecordError: it never will be again.
        """
        await self._up.wait()
        if self._gone is not None:
            raise self._gone()

    async def request(
        self, subject: str, payload: bytes = b"", *, timeout_s: float, headers: dict[str, str] | None = None
    ) -> Msg:
        """Send it once and wait for one reply.

        Raises:
            RecordUnavailableError: no reply in time, nobody there to reply, or the connection broke meanwhile.
            RecordDeniedError: these credentials may not send it.
        """
        messages = await self._ask(subject, payload, timeout_s, headers=headers, takes_many=False)
        return messages[0]

    async def request_many(self, subject: str, payload: bytes, *, timeout_s: float) -> list[Msg]:
        """Send it once and wait for replies up to and including the first that carries a status.

        Raises:
            RecordUnavailableError: they were not all there in time, nobody replies, or the connection broke.
            RecordDeniedError: these credentials may not send it.
        """
        return await self._ask(subject, payload, timeout_s, headers=None, takes_many=True)

    async def _ask(
        self,
        subject: str,
        payload: bytes,
        timeout_s: float,
        *,
        headers: dict[str, str] | None,
        takes_many: bool,
    ) -> list[Msg]:
        async with self.under_way(subject, timeout_s=timeout_s, takes_many=takes_many) as request:
            reply = self._inbox + request.number
            await self.client.publish(subject, payload, reply=reply, headers=headers)
            await request.ended
        last = request.messages[-1]
        if not last.data and header(last, _STATUS) == _NO_RESPONDERS:
            raise RecordUnavailableError(f"nobody on NATS answers {subject}: its stream is away or missing")
        return request.messages

    @asynccontextmanager
    async def under_way(
        self, subject: str, *, timeout_s: float, takes_many: bool = False
    ) -> AsyncIterator[Request]:
        """A request that its opener sends and awaits inside; it ends as :meth:`request` does.

        Raises:
            RecordUnavailableError: not ended in time, or the connection broke meanwhile.
            RecordDeniedError: these credentials may not send to ``subject``.
        """
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        request = Request(str(next(self._numbers)), subject, ended, takes_many)
        self._under_way[request.number] = request
        try:
            async with asyncio.timeout(timeout_s):
                await self.wait_up()
                yield request
        except TimeoutError as error:
            raise RecordUnavailableError(f"NATS did not answer {subject} within {timeout_s:g} s") from error
        except (NatsError, OSError) as error:
            raise RecordUnavailableError(f"NATS did not take {subject}: {error}") from error
        finally:
            del self._under_way[request.number]

    async def send(self, subject: str, payload: bytes, *, reply: str = "") -> None:
        """Send it without waiting for anything; dropped where the connection is down.

        Raises:
            RecordUnavailableError: the client did not take it.
        """
        if not self.is_up:
            return
        try:
            await self.client.publish(subject, payload, reply=reply)
        except (NatsError, OSError) as error:
            raise RecordUnavailableError(f"NATS did not take {subject}: {error}") from error

    def new_inbox(self) -> str:
        """A subject below this connection's inbox prefix that nobody else uses."""
        nuid = self.client._nuid.next()  # noqa: SLF001  # its own id generator
        return f"{self._inbox_prefix}.{nuid.decode()}"

    @asynccontextmanager
    async def subscribed(self, subject: str, on_message: OnMessage, watcher: Watcher) -> AsyncIterator[None]:
        """Messages of ``subject`` go to ``on_message`` for as long as this is open.

        Raises:
            RecordUnavailableError: the client does not take the subscription.
        """

        async def receive(message: Msg) -> None:
            on_message(message)

        try:
            subscription = await self.client.subscribe(subject, cb=receive)
        except (NatsError, OSError) as error:
            raise RecordUnavailableError(f"NATS did not take the subscription {subject}: {error}") from error
        self._watchers.setdefault(subject, []).append(watcher)
        try:
            yield
        finally:
            self._forget(subject, watcher)
            await _unsubscribe(subscription)

    def _forget(self, subject: str, watcher: Watcher) -> None:
        watchers = self._watchers[subject]
        watchers.remove(watcher)
        if not watchers:
            del self._watchers[subject]

    async def _on_reply(self, message: Msg) -> None:
        request = self._under_way.get(message.subject[len(self._inbox) :])
        if request is not None and not request.ended.done():
            request.take(message)

    async def on_error(self, error: Exception) -> None:
        """What the client cannot tell anybody in particular."""
        self.last_error = error
        text = str(error)
        if found := _REFUSED.search(text.lower()):
            self._on_refused(found[1], found[2])
        elif isinstance(error, SlowConsumerError):
            for watcher in self._watchers.get(error.subject, ()):
                watcher.lost()
        else:
            _log.debug("record.client_error", error=text)

    def _on_refused(self, action: str, subject: str) -> None:
        """The server gives the subject in the case in which it was sent, the client library in lower case."""
        if action == "publish":
            for request in list(self._under_way.values()):
                if request.subject.lower() == subject:
                    request.fail(_denied("publish", request.subject))
            return
        for watched, watchers in list(self._watchers.items()):
            if watched.lower() == subject:
                for watcher in watchers:
                    watcher.refused(_denied("subscribe", watched))
        if self._inbox and subject.startswith(self._inbox.lower()):
            self._give_up(lambda: _denied("subscribe", f"{self._inbox_prefix}.> (FLEET_NATS__INBOX_PREFIX)"))

    async def on_disconnected(self) -> None:
        """Nothing that is under way will be answered any more."""
        self._up.clear()
        self._end_all(lambda: RecordUnavailableError("the connection to NATS broke"))

    async def on_reconnected(self) -> None:
        """Subscriptions are back; what passed meanwhile is not."""
        for watchers in list(self._watchers.values()):
            for watcher in watchers:
                watcher.lost()
        self._up.set()
        _log.info("record.reconnected")

    async def on_closed(self) -> None:
        """The client gave up for good: by our wish, or because the server turned these credentials away."""
        reason = self.last_error or "by us"
        self._give_up(lambda: RecordUnavailableError(f"the connection to NATS is closed: {reason}"))

    def _give_up(self, why: Callable[[], RecordError]) -> None:
        self._gone = self._gone or why
        self._end_all(why)
        self._up.set()

    def _end_all(self, why: Callable[[], RecordError]) -> None:
        for request in list(self._under_way.values()):
            request.fail(why())


def _denied(verb: str, subject: str) -> RecordDeniedError:
    return RecordDeniedError(f"these NATS credentials may not {verb} {subject}")


async def _unsubscribe(subscription: Subscription) -> None:
    try:
        await subscription.unsubscribe()
    except (NatsError, OSError) as error:
        _log.debug("record.unsubscribe_failed", error=str(error))


def header(message: Msg, name: str) -> str | None:
    """One header of a message, or None."""
    headers: Mapping[str, Any] | None = message.headers
    value = None if headers is None else headers.get(name)
    return None if value is None else str(value)
