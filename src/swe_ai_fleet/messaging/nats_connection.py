"""One connection to NATS whose requests end promptly: with a reply, a lost connection or a refusal.

The client library leaves a request that the server refused, or that was under way when the connection broke, to its
timeout. Here every request under way is known by its reply subject, so that both end it at once.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import structlog
from nats.errors import Error as NatsError
from nats.errors import MaxPayloadError

from swe_ai_fleet.errors import RecordDeniedError, RecordError, RecordGoneError, RecordUnavailableError
from swe_ai_fleet.messaging.nats_client import FleetClient, Incoming, Take, is_turned_away
from swe_ai_fleet.messaging.nats_under_way import Request, UnderWay

_log = structlog.get_logger()
_REFUSED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"')
_NO_RESPONDERS = "503"
_TURNED_AWAY_TIMES = 5
"""Tries to reconnect, one after the other, after which credentials that were good once are given up."""
_CLOSE_S = 1.0
_FLUSH_S = 5
_TICK_S = 1.0


class Watcher(Protocol):
    """Told what a subscription cannot see for itself."""

    def tick(self) -> None:
        """A second has passed: one timer for all, because one for each message would cost as much as the message."""
        ...

    def lost(self) -> None:
        """The connection was replaced: messages may have been missed."""
        ...

    def refused(self, error: RecordError) -> None:
        """Nothing will come any more: these credentials may not subscribe it, or the connection is gone for good."""
        ...


class NatsConnection:
    """Requests and subscriptions over one client."""

    def __init__(self, client: FleetClient, *, inbox_prefix: str) -> None:
        """``client`` is not connected yet; its callbacks are the methods named ``on_...``."""
        self.client = client
        self._inbox = ""
        self._inbox_prefix = inbox_prefix
        self._under_way = UnderWay()
        self._watchers: dict[str, list[Watcher]] = {}
        self._ticker: asyncio.TimerHandle | None = None
        self._up = asyncio.Event()
        self._gone: Callable[[], RecordError] | None = None
        self._turned_away = 0
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
            await self.client.listen(f"{inbox}.*", self._on_reply)
            for _ in range(2):  # the first ping may overtake the subscription, the second cannot
                await self.client.flush(_FLUSH_S)
        except (NatsError, OSError) as error:
            raise RecordUnavailableError(f"the connection to NATS broke: {error}") from error
        self._up.set()
        await self.wait_up()

    async def stop(self) -> None:
        """End every request, then leave within a second; nothing is drained, so nothing can hang in a drain."""
        self._give_up(lambda: RecordGoneError("the connection to NATS was closed"))
        if self._ticker is not None:
            self._ticker.cancel()
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

    @property
    def is_gone(self) -> bool:
        """It will never be connected again."""
        return self._gone is not None

    async def wait_up(self) -> None:
        """Return when connected.

        Raises:
            RecordError: it never will be again.
        """
        await self._up.wait()
        if self._gone is not None:
            raise self._gone()

    async def request(
        self, subject: str, payload: bytes = b"", *, timeout_s: float, head: bytes = b""
    ) -> Incoming:
        """Send it once, with a whole header block where there is one, and wait for one reply.

        Raises:
            RecordUnavailableError: no reply in time, nobody there to reply, or the connection broke meanwhile.
            RecordDeniedError: these credentials may not send it.
        """
        messages = await self._ask(subject, payload, timeout_s, head=head, takes_many=False)
        return messages[0]

    async def request_many(self, subject: str, payload: bytes, *, timeout_s: float) -> list[Incoming]:
        """Send it once and wait for replies up to and including the first that carries a status.

        Raises:
            RecordUnavailableError: they were not all there in time, nobody replies, or the connection broke.
            RecordDeniedError: these credentials may not send it.
        """
        return await self._ask(subject, payload, timeout_s, takes_many=True)

    async def _ask(
        self, subject: str, payload: bytes, timeout_s: float, *, takes_many: bool, head: bytes = b""
    ) -> list[Incoming]:
        request = await self.begin(subject, timeout_s=timeout_s, takes_many=takes_many)
        await self.finish(request, payload, reply=self._inbox + request.number, head=head)
        if request.messages[-1].status == _NO_RESPONDERS:
            raise RecordUnavailableError(f"nobody on NATS answers {subject}: its stream is away or missing")
        return request.messages

    async def begin(self, subject: str, *, timeout_s: float, takes_many: bool = False) -> Request:
        """Register a request, once connected; :meth:`finish` sends it and waits for its end.

        Raises:
            RecordUnavailableError: not connected within ``timeout_s``.
        """
        deadline = asyncio.get_running_loop().time() + timeout_s
        if self._gone is not None or not self._up.is_set():
            try:
                async with asyncio.timeout_at(deadline):
                    await self.wait_up()
            except TimeoutError as error:
                text = f"NATS was not connected within {timeout_s:g} s for {subject}"
                raise RecordUnavailableError(text) from error
        return self._under_way.add(subject, deadline=deadline, takes_many=takes_many)

    async def finish(self, request: Request, payload: bytes, *, reply: str, head: bytes = b"") -> None:
        """Send a request and wait until it has ended, for better or worse.

        Raises:
            RecordUnavailableError: not ended in time, or the connection broke meanwhile.
            RecordDeniedError: these credentials may not send it.
        """
        try:
            await self.client.send(request.subject, payload, reply=reply, head=head)
            await request.ended
        except MaxPayloadError as error:  # no other try will do better
            raise RecordError(
                f"{request.subject}: {len(payload)} bytes are more than the server takes"
            ) from error
        except (NatsError, OSError) as error:
            raise RecordUnavailableError(f"NATS did not take {request.subject}: {error}") from error
        finally:
            self._under_way.remove(request)

    def _tick(self) -> None:
        for watchers in list(self._watchers.values()):
            for watcher in watchers:
                watcher.tick()
        loop = asyncio.get_running_loop()
        self._ticker = loop.call_later(_TICK_S, self._tick) if self._watchers else None

    async def send(self, subject: str, payload: bytes, *, reply: str = "") -> None:
        """Send it without waiting for anything; dropped where the connection is down.

        Raises:
            RecordUnavailableError: the client did not take it.
        """
        if not self.is_up:
            return
        try:
            await self.client.send(subject, payload, reply=reply)
        except (NatsError, OSError) as error:
            raise RecordUnavailableError(f"NATS did not take {subject}: {error}") from error

    def new_inbox(self) -> str:
        """A subject below this connection's inbox prefix that nobody else uses."""
        nuid = self.client._nuid.next()  # noqa: SLF001  # its own id generator
        return f"{self._inbox_prefix}.{nuid.decode()}"

    @asynccontextmanager
    async def subscribed(self, subject: str, take: Take, watcher: Watcher) -> AsyncIterator[None]:
        """Messages of ``subject`` go to ``take`` for as long as this is open.

        Raises:
            RecordUnavailableError: the client does not take the subscription.
        """
        try:
            subscription = await self.client.listen(subject, take)
        except (NatsError, OSError) as error:
            raise RecordUnavailableError(f"NATS did not take the subscription {subject}: {error}") from error
        self._watchers.setdefault(subject, []).append(watcher)
        if self._ticker is None:
            self._tick()
        try:
            yield
        finally:
            self._forget(subject, watcher)
            try:
                await self.client.stop_listening(subscription)
            except (NatsError, OSError) as error:
                _log.debug("record.unsubscribe_failed", error=str(error))

    def _forget(self, subject: str, watcher: Watcher) -> None:
        watchers = self._watchers[subject]
        watchers.remove(watcher)
        if not watchers:
            del self._watchers[subject]

    def _on_reply(self, message: Incoming) -> None:
        self._under_way.take(message.subject[len(self._inbox) :], message)

    async def on_error(self, error: Exception) -> None:
        """What the client cannot tell anybody in particular."""
        self.last_error = error
        text = str(error)
        if is_turned_away(error):
            self._turned_away += 1
            if self._turned_away >= _TURNED_AWAY_TIMES:
                self._give_up(lambda: RecordDeniedError("NATS does not know these credentials any more"))
        elif found := _REFUSED.search(text.lower()):
            self._on_refused(found[1], found[2])
        else:
            _log.debug("record.client_error", error=text)

    def _on_refused(self, action: str, subject: str) -> None:
        """The server gives the subject in the case in which it was sent, the client library in lower case."""
        if action == "publish":
            self._under_way.fail_those_to(subject, lambda sent: _denied("publish", sent))
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
        self._under_way.fail_all(lambda: RecordUnavailableError("the connection to NATS broke"))

    async def on_reconnected(self) -> None:
        """Subscriptions are back; what passed meanwhile is not."""
        self._turned_away = 0
        for watchers in list(self._watchers.values()):
            for watcher in watchers:
                watcher.lost()
        self._up.set()
        _log.info("record.reconnected")

    async def on_closed(self) -> None:
        """The client gave up for good: by our wish, or because the server turned these credentials away."""
        reason = self.last_error or self.client.last_error or "by us"
        self._give_up(lambda: RecordGoneError(f"the connection to NATS is closed: {reason}"))

    def _give_up(self, why: Callable[[], RecordError]) -> None:
        self._gone = self._gone or why
        self._under_way.fail_all(why)
        for watchers in list(self._watchers.values()):
            for watcher in watchers:
                watcher.refused(why())
        self._up.set()


def _denied(verb: str, subject: str) -> RecordDeniedError:
    return RecordDeniedError(f"these NATS credentials may not {verb} {subject}")
