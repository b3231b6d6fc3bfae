"""Publishing that survives: an outbox of bounded size, bounded concurrency, the same message id on every try."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from pydantic_core import from_json

from swe_ai_fleet.errors import RecordError, RecordUnavailableError
from swe_ai_fleet.messaging.nats_connection import NatsConnection
from swe_ai_fleet.messaging.nats_requests import JetStreamError, raise_for_error
from swe_ai_fleet.ports.record import Published

_log = structlog.get_logger()
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0
_FLUSH_S = 0.5
"""How long closing waits for what is still unacknowledged."""
_WRONG_LAST_SEQUENCE = frozenset({10071, 10164})


class SubjectTakenError(JetStreamError):
    """Something is on the subject already; ``sequence`` is where, as far as the server says."""

    def __init__(self, err_code: int, description: str) -> None:
        """Read the sequence from the server's words."""
        super().__init__(err_code, description)
        last = description.rpartition(" ")[2]
        self.sequence = int(last) if last.isdigit() else 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message on its way to a stream."""

    subject: str
    payload: bytes
    message_id: str | None = None
    after: int | None = None
    """Sequence of the last message of the subject that it must follow; 0: it must be the first."""

    def head(self) -> bytes:
        """The header block, as JetStream takes it; empty where there is nothing to say."""
        if self.message_id is None and self.after is None:
            return b""
        known = "" if self.message_id is None else f"Nats-Msg-Id: {self.message_id}\r\n"
        follows = "" if self.after is None else f"Nats-Expected-Last-Subject-Sequence: {self.after}\r\n"
        return f"NATS/1.0\r\n{known}{follows}\r\n".encode()


class Outbox:
    """What has been given to this process and is not acknowledged yet, with a limit in bytes."""

    def __init__(self, limit: int) -> None:
        """Empty."""
        self._limit = limit
        self._held = 0
        self._freed = asyncio.Event()

    @property
    def held_bytes(self) -> int:
        """What is in it now."""
        return self._held

    def fits(self, size: int) -> bool:
        """There is room for it, or nothing else in it."""
        return self._held == 0 or self._held + size <= self._limit

    def put(self, size: int) -> None:
        """Take it in; it has to fit."""
        self._held += size

    async def take(self, size: int) -> None:
        """Wait for room; a message that is larger than the whole waits until it is alone."""
        while not self.fits(size):
            self._freed.clear()
            await self._freed.wait()
        self._held += size

    async def wait_empty(self, *, limit_s: float) -> None:
        """Return when nothing is left in it, or after ``limit_s``."""
        try:
            async with asyncio.timeout(limit_s):
                while self._held:
                    self._freed.clear()
                    await self._freed.wait()
        except TimeoutError:
            return

    def give_back(self, size: int) -> None:
        """Make room again."""
        self._held -= size
        self._freed.set()


class NatsPublisher:
    """Publishes to streams; a message that was taken in is tried until it is stored or this is closed."""

    def __init__(
        self,
        connection: NatsConnection,
        *,
        request_s: float,
        publish_s: float,
        in_flight: int,
        outbox_bytes: int,
    ) -> None:
        """See :class:`~swe_ai_fleet.messaging.options.NatsOptions`."""
        self._connection = connection
        self._request_s = request_s
        self._publish_s = publish_s
        self._slots = asyncio.Semaphore(in_flight)
        self.outbox = Outbox(outbox_bytes)
        self._tasks: set[asyncio.Task[Published | RecordError]] = set()
        self._is_open = False
        self.retries = 0
        """Tries beyond the first, since it was opened."""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Own the messages under way; on leaving, what is not acknowledged within half a second is given up."""
        self._is_open = True
        try:
            yield
        finally:
            if self._connection.is_up:
                await self.outbox.wait_empty(limit_s=_FLUSH_S)
            self._is_open = False
            if self.outbox.held_bytes:
                _log.warning("record.outbox_dropped", bytes=self.outbox.held_bytes)
            for task in self._tasks:
                task.cancel()
            if self._tasks:
                await asyncio.wait(self._tasks)

    async def publish(self, message: Outgoing) -> Published:
        """Store it; when the caller is cancelled or told that it takes too long, the outbox still goes on.

        Raises:
            SubjectTakenError: ``message.after`` does not hold.
            JetStreamError: the stream refused it.
            RecordDeniedError: these credentials may not publish it.
            RecordUnavailableError: not acknowledged within the limit, or no room in the outbox within it.
        """
        await self._take(message)
        is_kept = False
        try:
            return await self._try_once(message)
        except (RecordUnavailableError, asyncio.CancelledError) as error:
            going_on = self._start(message)
            is_kept = True
            if isinstance(error, asyncio.CancelledError):
                raise
        finally:
            if not is_kept:
                self.outbox.give_back(len(message.payload))
        return await self._outcome(message, going_on)

    async def _take(self, message: Outgoing) -> None:
        size = len(message.payload)
        if self.outbox.fits(size):
            self.outbox.put(size)
            return
        try:
            async with asyncio.timeout(self._publish_s):
                await self.outbox.take(size)
        except TimeoutError as error:
            raise self._too_late(message, "the outbox is full") from error

    async def _outcome(self, message: Outgoing, going_on: asyncio.Task[Published | RecordError]) -> Published:
        try:
            async with asyncio.timeout(self._publish_s):
                outcome = await asyncio.shield(going_on)
        except TimeoutError as error:
            raise self._too_late(message, "it stays in the outbox") from error
        if isinstance(outcome, RecordError):
            raise outcome
        return outcome

    def _too_late(self, message: Outgoing, where: str) -> RecordUnavailableError:
        return RecordUnavailableError(
            f"NATS did not acknowledge {message.subject} within {self._publish_s:g} s; {where}"
        )

    def _start(self, message: Outgoing) -> asyncio.Task[Published | RecordError]:
        """Go on with a message in the outbox, whatever its publisher does."""
        if not self._is_open:
            raise RecordUnavailableError(f"the record is closed; {message.subject} is not on it")
        task = asyncio.ensure_future(self._deliver(message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _deliver(self, message: Outgoing) -> Published | RecordError:
        pause_s = _FIRST_PAUSE_S
        try:
            while True:
                self.retries += 1
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                try:
                    await self._connection.wait_up()
                    return await self._try_once(message)
                except RecordUnavailableError as error:
                    if self._connection.is_gone:
                        return error
                    _log.debug("record.publish_retried", subject=message.subject, error=str(error))
        except RecordError as error:
            return error
        except asyncio.CancelledError:  # only closing cancels it, and whoever waits for it has to be told
            return RecordUnavailableError(f"the record was closed before {message.subject} was acknowledged")
        finally:
            self.outbox.give_back(len(message.payload))

    async def _try_once(self, message: Outgoing) -> Published:
        async with self._slots:
            reply = await self._connection.request(
                message.subject, message.payload, timeout_s=self._request_s, head=message.head()
            )
        answer = from_json(reply.payload)
        error = answer.get("error")
        if error is not None and error.get("err_code") in _WRONG_LAST_SEQUENCE:
            raise SubjectTakenError(error["err_code"], error["description"])
        raise_for_error(answer)
        return Published(sequence=answer["seq"], duplicate=answer.get("duplicate", False))
