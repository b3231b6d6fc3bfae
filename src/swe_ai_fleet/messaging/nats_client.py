"""The NATS client with a short way from the socket to whoever waits.

The library parses every header of every message and passes it through a queue to a task for each subscription. Here a
message goes straight to a plain function, and a header is looked for when it is asked for: reading the record back
takes half the time, and nothing that comes in is ever dropped for want of room in a queue.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from nats.aio.client import Client, Srv
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError, MaxPayloadError, OutboundBufferLimitError

_LINE = b"\r\n"
_VERSION = b"NATS/1.0"
_TURNED_AWAY = ("authorization violation", "authentication expired", "authorization failed")


class Incoming(NamedTuple):
    """One message as it came."""

    subject: str
    reply: str
    payload: bytes
    head: bytes | None
    """The header block with its first line; None where there is none."""

    def header(self, name: str) -> str | None:
        """One header's value, or None; of several of one name the last, because the server adds its own at the end."""
        if self.head is None:
            return None
        start = self.head.rfind(b"\r\n%b:" % name.encode())
        if start < 0:
            return None
        start += len(name) + 3
        return self.head[start : self.head.index(_LINE, start)].decode(errors="replace").strip()

    @property
    def status(self) -> str | None:
        """The status of a message that the server sends of its own, such as 404; None for any other message."""
        if self.head is None or self.head.startswith(_VERSION + _LINE):
            return None
        return self.head[len(_VERSION) : self.head.index(_LINE)].strip().decode(errors="replace")


Take = Callable[[Incoming], None]
"""Takes a message; it must neither wait nor raise, for it runs where the socket is read."""


class FleetClient(Client):
    """Subscriptions whose messages go to a function without any detour."""

    def __init__(self) -> None:
        """Not connected yet."""
        super().__init__()
        self._takers: dict[int, Take] = {}
        self._unused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._told.set_result(None)

    async def send(self, subject: str, payload: bytes, *, reply: str = "", head: bytes = b"") -> None:
        """Publish, at half the library's price: subject and header block are taken as they are.

        Raises:
            ConnectionClosedError: for good.
            OutboundBufferLimitError: not connected, and what waits for the connection is too much already.
            MaxPayloadError: larger than the server takes.
        """
        size = len(head) + len(payload)
        if self._status == Client.CLOSED:
            raise ConnectionClosedError
        if self._status != Client.CONNECTED and size + self._pending_data_size > self._max_pending_size:
            raise OutboundBufferLimitError
        if size > self._max_payload:
            raise MaxPayloadError
        line = (
            f"HPUB {subject} {reply} {len(head)} {size}\r\n" if head else f"PUB {subject} {reply} {size}\r\n"
        )
        await self._send_command(b"%b%b%b\r\n" % (line.encode(), head, payload))
        if self._status == Client.CONNECTED and self._flush_queue is not None and self._flush_queue.empty():
            self._flush_queue.put_nowait(self._told)

    async def listen(self, subject: str, take: Take) -> Subscription:
        """Subscribe; ``take`` is called with each message, in order."""
        self._takers[self._sid + 1] = take  # before the first message can come
        return await self.subscribe(subject, future=self._unused)  # a future, so that it starts no task

    async def stop_listening(self, subscription: Subscription) -> None:
        """Unsubscribe."""
        self._takers.pop(subscription._id, None)  # noqa: SLF001  # it has no public name
        await subscription.unsubscribe()

    async def _connect_to_server(self, s: Srv) -> None:
        """The library forgets the socket of a try that failed after connecting: one leaked with every try."""
        if self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]  # the library leaves it untyped
        await super()._connect_to_server(s)

    async def _process_msg(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: bytes | None
    ) -> None:
        take = self._takers.get(sid)
        if take is None:
            await super()._process_msg(sid, subject, reply, data, headers)  # type: ignore[arg-type]  # None is usual
        else:
            take(Incoming(subject.decode(), reply.decode(), data, headers))


def is_turned_away(error: Exception) -> bool:
    """The server does not know the credentials."""
    return any(sign in str(error).lower() for sign in _TURNED_AWAY)
