"""The record: events first, everything else can be rebuilt from them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.task import Task, Token
from swe_ai_fleet.domain.value import Recorded
from swe_ai_fleet.ports.reliability import ReliabilityBooks


class Published(NamedTuple):
    """The record's acknowledgement of one event."""

    sequence: int
    duplicate: bool = False
    """An event of the same key was there already; this one was not stored a second time."""


class EventLog(Protocol):
    """The durable log of all deliberations."""

    async def publish(self, event: Event) -> Published:
        """Store one event; repeating it with the same key stores it once. Retries have happened inside.

        ``closed`` is guarded: the second one with another content raises.

        Raises:
            RecordConflictError: another ``closed`` is there already.
            RecordDeniedError: these credentials may not publish it; known within a second.
            RecordUnavailableError: the log did not acknowledge within the limit.
        """
        ...

    async def history(self, deliberation_id: str) -> Sequence[Event]:
        """All events of one deliberation in stream order; empty where there is none.

        Raises:
            RecordUnavailableError: the log does not answer.
        """
        ...

    def follow(
        self, deliberation_id: str, *, is_new: bool = False
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """History, then live, in stream order, each event once; ends after ``closed``. Survives a server restart.

        ``is_new``: nothing is there yet, for the caller is about to publish the first event; that spares a reading.
        What turns out to have been there before may then be missing.
        """
        ...


class Snapshot(Recorded):
    """What a list shows of one deliberation; rebuildable from its events."""

    deliberation_id: str
    task_id: str
    phase: str
    """Type of the last event that moved it on: requested, started, round_closed, ranked, closed."""
    outcome: DeliberationOutcome | None = None
    round: int = 0
    answered: int = 0
    failed: int = 0
    num_agents: int = 0
    tokens: int = 0
    winner: str | None = None
    """Proposal id."""
    updated: datetime
    """UTC."""


class SnapshotStore(Protocol):
    """Snapshots by deliberation id, written with compare-and-set."""

    async def put(self, snapshot: Snapshot) -> None:
        """Store it unless a later one is there.

        Raises:
            RecordUnavailableError: the store does not answer.
        """
        ...

    async def get(self, deliberation_id: str) -> Snapshot | None:
        """The latest, or None."""
        ...

    async def list(self, *, limit: int = 100) -> Sequence[Snapshot]:
        """The most recently updated first."""
        ...


class BlobStore(Protocol):
    """Content by its sha256, for payloads over 128 KiB."""

    async def put(self, content: bytes) -> str:
        """Store it and return its sha256 in hexadecimal; storing it again is free."""
        ...

    async def get(self, sha256: str) -> bytes:
        """The content.

        Raises:
            RecordNotFoundError: there is none of that digest.
        """
        ...


class Command(Recorded):
    """Asks a worker for one deliberation."""

    deliberation_id: Token
    task: Task
    seed: int
    models: tuple[str, ...] = ()
    time: datetime
    traceparent: str | None = None


class Delivery(Protocol):
    """One command in the hands of one worker, until it is settled.

    Settling is tried for a while where the record is away, and then given up without an error: a command that is not
    settled is handed out again.
    """

    @property
    def command(self) -> Command:
        """What is asked for.

        Raises:
            InputError: the stored command is not a valid one.
        """
        ...

    @property
    def delivered(self) -> int:
        """How often it has been handed out, this time included."""
        ...

    async def ack(self) -> None:
        """Done: the terminal event is on the record."""
        ...

    async def nak(self, *, delay_s: float) -> None:
        """Not now: hand it out again after ``delay_s``."""
        ...

    async def term(self, reason: str, *, refused: bool = False) -> None:
        """Never: put it on the dead-letter stream, once, with the reason; see :attr:`DeadLetter.refused`."""
        ...

    async def in_progress(self) -> None:
        """Still at work: restart the redelivery timer."""
        ...


class CommandQueue(Protocol):
    """The work queue of all workers."""

    async def submit(self, command: Command) -> Published:
        """Put it on the queue; the same deliberation id again is a duplicate."""
        ...

    async def next(self, *, wait_s: float) -> Delivery | None:
        """The next command for this worker, or None after ``wait_s``. Works on across a server restart.

        Raises:
            RecordGoneError: nothing will ever come over this connection again.
            RecordDeniedError: these credentials may not take commands.
        """
        ...

    async def find(self, deliberation_id: str) -> Command | None:
        """The command of that deliberation, for as long as it is on the queue, in a worker's hand or not.

        Raises:
            RecordError: the queue does not answer, or these credentials may not read it.
        """
        ...

    async def pending(self) -> int:
        """How many commands wait that no worker was handed yet.

        Raises:
            RecordError: the queue does not answer, or these credentials may not ask.
        """
        ...


class DeadLetter(Recorded):
    """A command that was given up."""

    letter_id: str
    """Unique and stable; what :meth:`DeadLetters.get` and :meth:`DeadLetters.retry` take."""
    stream: str
    consumer: str
    sequence: int
    """Where the command stood in ``stream``; one command makes one letter."""
    subject: str
    deliberation_id: str = ""
    """Empty where the command was so broken that it names none."""
    reason: str
    refused: bool = False
    """The command itself is wrong: as it is, it would be given up again."""
    delivered: int
    """How often it had been handed out."""
    time: datetime
    """When it was given up, UTC."""
    payload: str
    """The command as it was stored."""
    retried: datetime | None = None
    """When it was put back on the queue, UTC."""


class DeadLetters(Protocol):
    """What was given up, kept for people to look at."""

    async def list(self, *, limit: int = 100) -> Sequence[DeadLetter]:
        """The latest first, those that were put back on the queue included.

        Raises:
            RecordError: the record does not answer, or these credentials may not read it.
        """
        ...

    async def get(self, letter_id: str) -> DeadLetter:
        """One of them.

        Raises:
            RecordNotFoundError: there is none of that id.
        """
        ...

    async def wait(self, deliberation_id: str) -> DeadLetter:
        """Wait until that deliberation's command has been given up and not been put back: the latest such letter.

        Raises:
            RecordDeniedError: these credentials may not read dead letters.
        """
        ...

    async def retry(self, letter_id: str) -> Published:
        """Put its command back on the queue, as new; repeating it puts it there once.

        Raises:
            RecordNotFoundError: there is none of that id.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The whole record, open."""

    events: EventLog
    snapshots: SnapshotStore
    reliability: ReliabilityBooks
    blobs: BlobStore
    commands: CommandQueue
    dead_letters: DeadLetters
    publish_retries: Callable[[], int] = lambda: 0
    """Publishes of this process beyond the first try of each, since it was opened."""
    is_gone: Callable[[], bool] = lambda: False
    """Its connection is closed for good; open the record anew."""
