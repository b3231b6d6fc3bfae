"""The work queue in memory: one command in one hand, handed out again when that hand lets go."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from swe_ai_fleet.errors import RecordNotFoundError
from swe_ai_fleet.messaging.streams import COMMANDS, WORKERS
from swe_ai_fleet.messaging.subjects import command_id, command_subject, retry_id
from swe_ai_fleet.ports.record import Command, DeadLetter, Delivery, Published


@dataclass(slots=True, kw_only=True)
class _Entry:
    """A command on the queue; ``due`` is the loop's time from which it may be handed out."""

    sequence: int
    command: Command
    due: float = 0.0
    delivered: int = 0


class InMemoryDelivery:
    """One command in the hands of one worker."""

    def __init__(self, queue: "InMemoryCommandQueue", entry: _Entry) -> None:
        """``queue`` is told how it was settled."""
        self._queue = queue
        self._entry = entry
        self._delivered = entry.delivered

    @property
    def command(self) -> Command:
        """What is asked for."""
        return self._entry.command

    @property
    def delivered(self) -> int:
        """How often it has been handed out, this time included."""
        return self._delivered

    async def ack(self) -> None:
        """Done."""
        self._queue.remove(self._entry)

    async def nak(self, *, delay_s: float) -> None:
        """Not now."""
        self._queue.postpone(self._entry, delay_s)

    async def term(self, reason: str, *, refused: bool = False) -> None:
        """Never."""
        self._queue.give_up(self._entry, reason, refused=refused)

    async def in_progress(self) -> None:
        """Still at work."""
        self._queue.postpone(self._entry, self._queue.ack_wait_s)


@dataclass(slots=True)
class InMemoryDeadLetters:
    """Commands that were given up in this process."""

    requeue: Callable[[Command, str], Published] | None = None
    _letters: list[DeadLetter] = field(default_factory=list)
    _commands: dict[str, Command] = field(default_factory=dict)
    _added: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, letter: DeadLetter, command: Command) -> None:
        """Keep one, once for each command."""
        if letter.letter_id not in self._commands:
            self._commands[letter.letter_id] = command
            self._letters.append(letter)
            self._added.set()

    async def list(self, *, limit: int = 100) -> Sequence[DeadLetter]:
        """The latest first."""
        return self._letters[::-1][:limit]

    async def get(self, letter_id: str) -> DeadLetter:
        """One of them."""
        return self._letters[self._place(letter_id)]

    async def wait(self, deliberation_id: str) -> DeadLetter:
        """The latest that was not put back, once there is one."""
        while True:
            for letter in reversed(self._letters):
                if letter.deliberation_id == deliberation_id and letter.retried is None:
                    return letter
            self._added.clear()
            await self._added.wait()

    async def retry(self, letter_id: str) -> Published:
        """Put its command back on the queue, once."""
        place = self._place(letter_id)
        if self.requeue is None:
            raise RecordNotFoundError("these dead letters belong to no queue")
        published = self.requeue(self._commands[letter_id], retry_id(letter_id))
        self._letters[place] = self._letters[place].model_copy(update={"retried": datetime.now(UTC)})
        return published

    def _place(self, letter_id: str) -> int:
        for place, letter in enumerate(self._letters):
            if letter.letter_id == letter_id:
                return place
        raise RecordNotFoundError(f"there is no dead letter {letter_id} on the record")


class InMemoryCommandQueue:
    """A work queue that ends with its process."""

    def __init__(self, letters: InMemoryDeadLetters, *, ack_wait_s: float, max_deliver: int) -> None:
        """``letters`` takes what is given up here."""
        self.ack_wait_s = ack_wait_s
        self._max_deliver = max_deliver
        self._letters = letters
        self._letters.requeue = self._put
        self._seen: dict[str, int] = {}
        self._entries: list[_Entry] = []
        self._changed = asyncio.Event()

    async def submit(self, command: Command) -> Published:
        """Put it on the queue; the same deliberation id again is a duplicate."""
        command_subject(command.task.role)
        return self._put(command, command_id(command.deliberation_id))

    def _put(self, command: Command, identity: str) -> Published:
        if identity in self._seen:
            return Published(sequence=self._seen[identity], duplicate=True)
        sequence = self._seen[identity] = len(self._seen) + 1
        self._entries.append(_Entry(sequence=sequence, command=command))
        self._changed.set()
        return Published(sequence=sequence)

    async def next(self, *, wait_s: float) -> Delivery | None:
        """The next command for this worker, or None after ``wait_s``."""
        until = _now() + wait_s
        while True:
            entry = self._take()
            if entry is not None:
                return InMemoryDelivery(self, entry)
            if _now() >= until:
                return None
            self._changed.clear()
            await self._changed_or(min([until, *(entry.due for entry in self._entries)]))

    async def find(self, deliberation_id: str) -> Command | None:
        """The command of that deliberation, for as long as it is on the queue."""
        commands = (entry.command for entry in self._entries)
        return next((command for command in commands if command.deliberation_id == deliberation_id), None)

    async def pending(self) -> int:
        """How many commands wait that no worker was handed yet."""
        return sum(entry.delivered == 0 for entry in self._entries)

    async def _changed_or(self, moment: float) -> None:
        try:
            async with asyncio.timeout_at(moment):
                await self._changed.wait()
        except TimeoutError:
            return

    def _take(self) -> _Entry | None:
        for entry in [e for e in self._entries if e.due <= _now()]:
            if entry.delivered >= self._max_deliver:
                self.give_up(entry, f"given up after {entry.delivered} deliveries")
                continue
            entry.delivered += 1
            entry.due = _now() + self.ack_wait_s
            return entry
        return None

    def remove(self, entry: _Entry) -> None:
        """It is settled."""
        if entry in self._entries:
            self._entries.remove(entry)

    def postpone(self, entry: _Entry, delay_s: float) -> None:
        """Hand it out again after ``delay_s``."""
        entry.due = _now() + delay_s
        self._changed.set()

    def give_up(self, entry: _Entry, reason: str, *, refused: bool = False) -> None:
        """Make a dead letter of it."""
        self.remove(entry)
        letter = DeadLetter(
            letter_id=str(entry.sequence),
            stream=COMMANDS,
            consumer=WORKERS,
            sequence=entry.sequence,
            subject=command_subject(entry.command.task.role),
            deliberation_id=entry.command.deliberation_id,
            reason=reason,
            refused=refused,
            delivered=entry.delivered,
            time=datetime.now(UTC),
            payload=entry.command.model_dump_json(),
        )
        self._letters.add(letter, entry.command)


def _now() -> float:
    return asyncio.get_running_loop().time()
