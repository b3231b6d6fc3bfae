"""The work queue on JetStream: one durable pull consumer for all workers, explicit acknowledgement."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import structlog

from swe_ai_fleet.errors import (
    InputError,
    RecordError,
    RecordGoneError,
    RecordNotFoundError,
    RecordUnavailableError,
)
from swe_ai_fleet.messaging.command_message import (
    decode_command,
    deliberation_of,
    encode_command,
    resolve_command,
)
from swe_ai_fleet.messaging.nats_client import Incoming
from swe_ai_fleet.messaging.nats_dead_letters import NatsDeadLetters
from swe_ai_fleet.messaging.nats_publisher import NatsPublisher, Outgoing
from swe_ai_fleet.messaging.nats_requests import JetStreamApi
from swe_ai_fleet.messaging.nats_under_way import Request
from swe_ai_fleet.messaging.streams import COMMANDS, MAX_DELIVER, WORKERS
from swe_ai_fleet.messaging.subjects import ALL_COMMANDS, command_id, command_subject
from swe_ai_fleet.ports.record import BlobStore, Command, DeadLetter, Delivery, Published

_log = structlog.get_logger()
_NEXT = f"CONSUMER.MSG.NEXT.{COMMANDS}.{WORKERS}"
_SECOND_NS = 1_000_000_000
_MARGIN_S = 0.5
_PAUSE_S = 0.2
_SETTLE_S = 20.0
"""How long settling is tried; after it the server hands the command out again by itself."""


class NatsDelivery:
    """One command in the hands of this worker."""

    def __init__(self, queue: "NatsCommandQueue", message: Incoming, content: bytes) -> None:
        """``content`` is the command's JSON, wherever it was kept."""
        self._queue = queue
        self._message = message
        self._content = content
        self._delivered, self._sequence = delivery_place(message.reply)

    @property
    def command(self) -> Command:
        """What is asked for."""
        return decode_command(self._content)

    @property
    def delivered(self) -> int:
        """How often it has been handed out, this time included."""
        return self._delivered

    async def ack(self) -> None:
        """Done; the server has confirmed it when this returns."""
        await self._queue.settle(self._message, b"+ACK")

    async def nak(self, *, delay_s: float) -> None:
        """Not now."""
        delay = json.dumps({"delay": int(delay_s * _SECOND_NS)}).encode()
        await self._queue.settle(self._message, b"-NAK " + delay if delay_s > 0 else b"-NAK")

    async def term(self, reason: str, *, refused: bool = False) -> None:
        """Never: the dead letter first, so that a worker that dies between the two loses nothing."""
        letter = DeadLetter(
            letter_id="",
            stream=COMMANDS,
            consumer=WORKERS,
            sequence=self._sequence,
            subject=self._message.subject,
            deliberation_id=deliberation_of(self._content),
            reason=reason,
            refused=refused,
            delivered=self._delivered,
            time=datetime.now(UTC),
            payload=_shown(self._message.payload),
        )
        try:
            await self._queue.letters.add(letter)
        except RecordUnavailableError as error:
            _log.warning("record.dead_letter_lost", deliberation=letter.deliberation_id, error=str(error))
            return
        await self._queue.settle(self._message, b"+TERM")

    async def in_progress(self) -> None:
        """Still at work."""
        await self._queue.tell(self._message, b"+WPI")


class NatsCommandQueue:
    """Commands of all workers."""

    def __init__(
        self, api: JetStreamApi, publisher: NatsPublisher, blobs: BlobStore, letters: NatsDeadLetters
    ) -> None:
        """``letters`` takes what is given up here."""
        self._api = api
        self._publisher = publisher
        self._blobs = blobs
        self.letters = letters
        self._inbox = api.connection.new_inbox()
        self._waiting: dict[str, Request] = {}
        self._handing_back: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Take deliveries for as long as this is open."""
        async with self._api.connection.subscribed(f"{self._inbox}.*", self._on_delivery, self):
            yield

    def _on_delivery(self, message: Incoming) -> None:
        """Give it to whoever waits; a command for which nobody waits goes back at once, not after ``ack_wait``."""
        if message.status is not None:
            asked = self._waiting.get(message.subject.removeprefix(f"{self._inbox}."))
            candidates = [] if asked is None else [asked]
        else:
            candidates = list(self._waiting.values())
        for request in candidates:
            if not request.ended.done():
                request.take(message)
                return
        if message.reply:
            task = asyncio.ensure_future(self.tell(message, b"-NAK"))
            self._handing_back.add(task)
            task.add_done_callback(self._handing_back.discard)

    def tick(self) -> None:
        """Every request has its own limit here."""

    def lost(self) -> None:
        """What was asked for over the old connection does not come any more."""
        for request in self._waiting.values():
            request.fail(RecordUnavailableError("the connection to NATS was replaced"))

    def refused(self, error: RecordError) -> None:
        """Nothing will ever come."""
        for request in self._waiting.values():
            request.fail(error)

    async def submit(self, command: Command) -> Published:
        """Put it on the queue; the same deliberation id again is a duplicate."""
        return await self._publisher.publish(
            Outgoing(
                subject=command_subject(command.task.role),
                payload=await encode_command(command, self._blobs),
                message_id=command_id(command.deliberation_id),
            )
        )

    async def next(self, *, wait_s: float) -> Delivery | None:
        """The next command for this worker, or None after ``wait_s``."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            message = await self._pull(until - loop.time())
            delivery = None if message is None else await self._received(message)
            if delivery is not None or loop.time() >= until:
                return delivery

    async def find(self, deliberation_id: str) -> Command | None:
        """The command of that deliberation, for as long as it is on the queue; all that is there is looked through."""
        async for stored in self._api.read(COMMANDS, ALL_COMMANDS):
            if deliberation_of(stored.payload) == deliberation_id:
                # One that cannot be read is no command; the worker that takes it says what is wrong with it.
                with suppress(InputError, RecordNotFoundError):
                    return decode_command(await resolve_command(stored.payload, self._blobs))
        return None

    async def pending(self) -> int:
        """How many commands wait that no worker was handed yet."""
        return int((await self._api.ask(f"CONSUMER.INFO.{COMMANDS}.{WORKERS}"))["num_pending"])

    async def _pull(self, wait_s: float) -> Incoming | None:
        """One message, or None: nothing came in time, or the server was away meanwhile."""
        body = {"batch": 1, "expires": max(int(wait_s * _SECOND_NS), 1_000_000)}
        limit_s = max(wait_s, 0.0) + _MARGIN_S
        connection = self._api.connection
        try:
            request = await connection.begin(f"{self._api.prefix}.{_NEXT}", timeout_s=limit_s)
            self._waiting[request.number] = request
            try:
                reply = f"{self._inbox}.{request.number}"
                await connection.finish(request, json.dumps(body).encode(), reply=reply)
            finally:
                del self._waiting[request.number]
        except RecordGoneError:
            raise
        except RecordUnavailableError as error:
            _log.debug("record.pull_failed", error=str(error))
            await asyncio.sleep(min(_PAUSE_S, max(wait_s, 0.0)))
            return None
        message = request.messages[0]
        if message.status is None:
            return message
        if not message.status.startswith(("404", "408")):
            await asyncio.sleep(_PAUSE_S)
        return None

    async def _received(self, message: Incoming) -> Delivery | None:
        """The delivery; None for one that was handed out too often, or cannot be had: it is a dead letter now."""
        delivery = NatsDelivery(self, message, message.payload)
        if delivery.delivered > MAX_DELIVER:
            await delivery.term(f"given up after {delivery.delivered - 1} deliveries")
            return None
        try:
            return NatsDelivery(self, message, await resolve_command(message.payload, self._blobs))
        except RecordNotFoundError as error:
            await delivery.term(str(error))
            return None

    async def settle(self, message: Incoming, how: bytes) -> None:
        """Tell the server, and have it confirm; where it stays away, it hands the command out again.

        Raises:
            RecordDeniedError: these credentials may not settle commands.
        """
        try:
            async with asyncio.timeout(_SETTLE_S):
                while True:
                    if await self._confirmed(message, how):
                        return
                    await asyncio.sleep(_PAUSE_S)
        except (TimeoutError, RecordUnavailableError) as error:
            _log.warning("record.command_unsettled", how=how[:5].decode(), error=str(error))

    async def _confirmed(self, message: Incoming, how: bytes) -> bool:
        try:
            await self._api.connection.request(message.reply, how, timeout_s=self._api.timeout_s)
        except RecordUnavailableError:
            await self._api.connection.wait_up()
            return False
        return True

    async def tell(self, message: Incoming, how: bytes) -> None:
        """Tell the server without waiting; it is only a hint."""
        try:
            await self._api.connection.send(message.reply, how)
        except RecordError as error:
            _log.debug("record.hint_lost", error=str(error))


def _shown(payload: bytes) -> str:
    """As a dead letter keeps it: whole where it is text, else its beginning; JSON may take six bytes for one."""
    text = payload.decode(errors="replace")
    size = len(json.dumps(text, ensure_ascii=False).encode(errors="replace"))
    return text if size <= 2 * len(payload) + 1024 else text[:16384]


def delivery_place(reply: str) -> tuple[int, int]:
    """How often it was delivered, and its place in the stream, from a subject that JetStream takes answers on.

    It ends in ``<delivered>.<stream sequence>.<consumer sequence>.<time>.<pending>``, and in one more token where it
    names a domain.
    """
    tokens = reply.split(".")
    first = 4 if len(tokens) == 9 else 6
    return int(tokens[first]), int(tokens[first + 1])
