"""JetStream's own API: questions about streams, and reading messages by subject without a consumer."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any, NamedTuple

from swe_ai_fleet.errors import RecordError, RecordUnavailableError
from swe_ai_fleet.messaging.nats_client import Incoming
from swe_ai_fleet.messaging.nats_connection import NatsConnection

_BATCH = 400
_BATCH_BYTES = 8 * 1024**2
"""Well below what the client buffers of replies before it drops them."""
_NOT_FOUND = "404"
_END_OF_BATCH = "204"
_NOT_YET = frozenset({10005, 10158})
"""Too few servers of the cluster are there to hold a stream; it is still agreeing on a message of the same id."""


class JetStreamError(RecordError):
    """JetStream refused a request; ``err_code`` is its own number for the reason."""

    def __init__(self, err_code: int, description: str) -> None:
        """Keep the number, so that callers need not parse the text."""
        self.err_code = err_code
        super().__init__(f"JetStream: {description} ({err_code})")


class Stored(NamedTuple):
    """One message of a stream."""

    subject: str
    sequence: int
    payload: bytes


def raise_for_error(answer: Mapping[str, Any]) -> None:
    """Translate an error in a JetStream answer.

    Raises:
        RecordUnavailableError: no leader, no agreement, no peers or no resources at the moment.
        JetStreamError: anything else.
    """
    error = answer.get("error")
    if error is None:
        return
    if error.get("code") == 503 or error.get("err_code") in _NOT_YET:
        raise RecordUnavailableError(f"JetStream: {error.get('description')}")
    raise JetStreamError(int(error.get("err_code", 0)), str(error.get("description")))


class JetStreamApi:
    """Asks one server."""

    def __init__(self, connection: NatsConnection, *, timeout_s: float, prefix: str = "$JS.API") -> None:
        """``timeout_s`` bounds each request; ``prefix`` begins the subjects of all."""
        self.prefix = prefix
        self.connection = connection
        self.timeout_s = timeout_s

    async def ask(self, verb: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Call ``<prefix>.<verb>``.

        Raises:
            JetStreamError: it was refused.
            RecordUnavailableError: no answer.
            RecordDeniedError: these credentials may not ask.
        """
        payload = b"" if body is None else json.dumps(body).encode()
        reply = await self.connection.request(f"{self.prefix}.{verb}", payload, timeout_s=self.timeout_s)
        answer: dict[str, Any] = json.loads(reply.payload)
        raise_for_error(answer)
        return answer

    async def last(self, stream: str, subject: str) -> Stored | None:
        """The last message of a subject, or None."""
        reply = await self.connection.request(
            f"{self.prefix}.DIRECT.GET.{stream}.{subject}", timeout_s=self.timeout_s
        )
        return _lifted(reply)

    async def at(self, stream: str, sequence: int) -> Stored | None:
        """The message of a sequence number, or None."""
        reply = await self.connection.request(
            f"{self.prefix}.DIRECT.GET.{stream}", b'{"seq":%d}' % sequence, timeout_s=self.timeout_s
        )
        return _lifted(reply)

    async def read(self, stream: str, subject: str, *, start: int = 1) -> AsyncGenerator[Stored, None]:
        """All messages whose subject matches, from sequence ``start`` up to the end that it finds, in stream order.

        The server works on the next batch while the caller works on this one.
        """
        batch: asyncio.Future[tuple[list[Stored], int]] | None = self._batch(stream, subject, start)
        try:
            while batch is not None:
                found, pending = await batch
                more = pending > 0 and bool(found)
                batch = self._batch(stream, subject, found[-1].sequence + 1) if more else None
                for stored in found:
                    yield stored
        finally:
            if batch is not None:
                batch.cancel()

    def _batch(self, stream: str, subject: str, start: int) -> asyncio.Future[tuple[list[Stored], int]]:
        return asyncio.ensure_future(self._read_batch(stream, subject, start))

    async def _read_batch(self, stream: str, subject: str, start: int) -> tuple[list[Stored], int]:
        """Some messages, and how many more there are."""
        body = {"seq": start, "next_by_subj": subject, "batch": _BATCH, "max_bytes": _BATCH_BYTES}
        replies = await self.connection.request_many(
            f"{self.prefix}.DIRECT.GET.{stream}", json.dumps(body).encode(), timeout_s=self.timeout_s
        )
        pending = _pending(replies.pop())
        lifted = [_lifted(reply) for reply in replies]
        return [stored for stored in lifted if stored is not None], pending


def _pending(end: Incoming) -> int:
    """How many matching messages there are beyond a batch, as its end says."""
    if end.status is not None and end.status.startswith(_END_OF_BATCH):
        return int(end.header("Nats-Num-Pending") or 0)
    if end.status is not None and end.status.startswith(_NOT_FOUND):
        return 0
    raise RecordError(f"JetStream cannot read a batch: {end.status}")


def _lifted(reply: Incoming) -> Stored | None:
    sequence, subject = reply.header("Nats-Sequence"), reply.header("Nats-Subject")
    if sequence is not None and subject is not None:
        return Stored(subject, int(sequence), reply.payload)
    if reply.status is not None and reply.status.startswith(_NOT_FOUND):
        return None
    raise RecordError(f"JetStream cannot read a message: {reply.status}")
