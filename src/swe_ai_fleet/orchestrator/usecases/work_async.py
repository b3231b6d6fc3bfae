"""A worker: takes commands from the queue, deliberates, and settles each delivery exactly once."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import partial
from weakref import WeakValueDictionary

from swe_ai_fleet.domain.events import Requested
from swe_ai_fleet.errors import (
    BudgetError,
    FleetError,
    InputError,
    RecordDeniedError,
    RecordError,
    RecordGoneError,
)
from swe_ai_fleet.orchestrator.usecases.deliberate_async_usecase import DeliberateAsync, Observe
from swe_ai_fleet.ports.record import Command, CommandQueue, Delivery
from swe_ai_fleet.tracing import names
from swe_ai_fleet.tracing.spans import Attributes, Span, span

Prepare = Callable[[Command], Awaitable[tuple[Requested, tuple[str, ...]]]]
"""Turns a command into the first event: resolves the repository, deals the council, fits the budget."""

_POLL_S = 1.0
"""How long one look at the queue lasts; what is handed back waits as long, lest this worker's last look finds it."""
_HEARTBEAT_S = 5.0
_RETRY_DELAY_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkAsync:
    """Many deliberations at once, at most ``concurrency``; more stay in the queue for other workers."""

    queue: CommandQueue
    deliberate: DeliberateAsync
    prepare: Prepare
    concurrency: int
    observe: Observe | None = None
    turns: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary)
    """Of deliberations at work here, by id: a command that comes again meanwhile waits for what came of the first."""

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set, then hand back what is unfinished; its events are the checkpoint.

        Raises:
            ExceptionGroup: of a FleetError: no command will come any more, for the record's connection is gone for
                good or does not know these credentials.
        """
        slots = asyncio.Semaphore(self.concurrency)
        async with asyncio.TaskGroup() as group:
            taking = group.create_task(self._take(slots))
            await stop.wait()
            taking.cancel()

    async def _take(self, slots: asyncio.Semaphore) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                await slots.acquire()
                delivery = await self._next()
                task = group.create_task(self._settle(delivery))
                task.add_done_callback(lambda _: slots.release())

    async def _next(self) -> Delivery:
        while True:
            try:
                delivery = await self.queue.next(wait_s=_POLL_S)
            except (RecordGoneError, RecordDeniedError):
                raise  # whoever started this worker has to know
            except RecordError:
                await asyncio.sleep(_POLL_S)
                continue
            if delivery is not None:
                return delivery

    async def _settle(self, delivery: Delivery) -> None:
        """Work on it, then say how it went: done, never, or not now.

        Where the record does not take the answer, it hands the command out again, and its events say what is done.
        """
        beating = asyncio.ensure_future(_heartbeat(delivery))
        try:
            settle = await self._work(delivery)
        except asyncio.CancelledError:
            with suppress(RecordError):
                await asyncio.shield(delivery.nak(delay_s=_POLL_S))
            raise
        finally:
            beating.cancel()
        with suppress(RecordError):
            await settle()

    async def _work(self, delivery: Delivery) -> Callable[[], Awaitable[None]]:
        """Carry the command out; how the delivery is to be settled."""
        later = partial(delivery.nak, delay_s=_RETRY_DELAY_S * delivery.delivered)
        try:
            command = delivery.command
        except InputError as error:
            return partial(delivery.term, str(error), refused=True)
        turn = self.turns.setdefault(command.deliberation_id, asyncio.Lock())
        async with turn:
            with _processing(command, delivery.delivered) as work:
                return await self._deliberate(command, delivery, later, work)

    async def _deliberate(
        self, command: Command, delivery: Delivery, later: Callable[[], Awaitable[None]], work: Span
    ) -> Callable[[], Awaitable[None]]:
        try:
            requested, notes = await self.prepare(command)
        except (InputError, BudgetError) as error:
            work.fail("refused", str(error))
            return partial(delivery.term, str(error), refused=True)
        except FleetError as error:
            work.fail(type(error).__name__, str(error))
            return later
        except Exception as error:  # noqa: BLE001 - as below
            work.fail("defect", str(error))
            return partial(delivery.term, f"defect: {type(error).__name__}: {error}")
        try:
            await self.deliberate.run(requested, notes=notes, observe=self.observe, is_new=False)
        except RecordError:
            return later
        except FleetError:
            return delivery.ack  # `closed` tells why it failed
        except Exception as error:  # noqa: BLE001 - a defect that one task meets must not end the others' worker
            return partial(delivery.term, f"defect: {type(error).__name__}: {error}")
        return delivery.ack


def _processing(command: Command, delivered: int) -> AbstractContextManager[Span]:
    """The span of one worker's work on a command."""
    attributes: Attributes = {
        names.MESSAGING_SYSTEM: "nats",
        names.MESSAGING_DESTINATION: "FLEET_COMMANDS",
        names.MESSAGING_OPERATION: "process",
        names.MESSAGING_ID: command.deliberation_id,
        names.CONVERSATION: command.deliberation_id,
        names.DELIVERED: delivered,
    }
    return span("process FLEET_COMMANDS", kind="consumer", parent=command.traceparent, attributes=attributes)


async def _heartbeat(delivery: Delivery) -> None:
    while True:
        await asyncio.sleep(_HEARTBEAT_S)
        with suppress(RecordError):
            await delivery.in_progress()
