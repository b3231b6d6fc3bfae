"""Every subject of the fleet; no other module builds one.

User-made names stand in subjects as they are, so they are held to what a subject's token may hold: a wildcard or a
dot in a name would otherwise address somebody else's deliberation.
"""

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from swe_ai_fleet.errors import InputError

if TYPE_CHECKING:  # settings import this module, and not every command needs events
    from swe_ai_fleet.domain.events import Event

ROOT = "fleet.v1"
ALL_COMMANDS = f"{ROOT}.command.>"
ALL_EVENTS = f"{ROOT}.event.>"
ALL_CLOSED = f"{ROOT}.event.*.closed"
"""What a consumer that only wants results subscribes to."""
ALL_STORED = f"{ROOT}.stored.>"
"""Each event again once it is stored, with its place in the stream in the headers; live only, not a stream."""
ALL_DEAD_LETTERS = f"{ROOT}.dead_letter.>"
ALL_SNAPSHOTS = "$KV.fleet_deliberations.>"
ALL_RELIABILITY = "$KV.fleet_reliability.>"

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_WAY_OUT = "Use letters, digits, _ and -, at most 64 of them."


@lru_cache(maxsize=8192)  # each event names its deliberation and its agent several times
def token(field: str, value: str) -> str:
    """``value``, once it is known to be one token of a subject.

    Raises:
        InputError: it is not; ``field`` is named.
    """
    if _TOKEN.fullmatch(value) is None:
        raise InputError(field, value, "cannot stand in a NATS subject", _WAY_OUT)
    return value


def _event_tail(event: "Event") -> str:
    name, round_, agent_id = event.key
    place = f"{token('deliberation_id', event.deliberation_id)}.{name}"
    if agent_id:
        return f"{place}.{round_}.{token('agent_id', agent_id)}"
    return f"{place}.{round_}" if round_ else place


def event_subject(event: "Event") -> str:
    """Where the event is published: one subject for each key, ``.<round>[.<agent>]`` at its end where it has them.

    Raises:
        InputError: the deliberation's or the agent's id cannot stand in a subject.
    """
    return f"{ROOT}.event.{_event_tail(event)}"


def events_of(deliberation_id: str) -> str:
    """All events of one deliberation, as they stand in the stream.

    Raises:
        InputError: the id cannot stand in a subject.
    """
    return f"{ROOT}.event.{token('deliberation_id', deliberation_id)}.>"


def stored_events_of(deliberation_id: str) -> str:
    """The live notices of one deliberation's stored events.

    Raises:
        InputError: the id cannot stand in a subject.
    """
    return f"{ROOT}.stored.{token('deliberation_id', deliberation_id)}.>"


def command_subject(role: str) -> str:
    """Where a command for an answer of that role is put.

    Raises:
        InputError: the role cannot stand in a subject.
    """
    return f"{ROOT}.command.deliberate.{token('role', role)}"


def dead_letter_subject(stream: str, consumer: str) -> str:
    """Where deliveries that were given up are kept."""
    return f"{ROOT}.dead_letter.{token('stream', stream)}.{token('consumer', consumer)}"


def snapshot_subject(deliberation_id: str) -> str:
    """The key-value entry of one deliberation.

    Raises:
        InputError: the id cannot stand in a subject.
    """
    return f"$KV.fleet_deliberations.{token('deliberation_id', deliberation_id)}"


def reliability_subject(task_class: str) -> str:
    """The key-value entry of one class of tasks.

    Raises:
        InputError: the class cannot stand in a subject.
    """
    return f"$KV.fleet_reliability.{token('task_class', task_class)}"


def blob_chunks(place: str) -> str:
    """The chunks of one stored blob."""
    return f"$O.fleet_blobs.C.{token('place', place)}"


def blob_meta(name: str) -> str:
    """What is known of the blob of that (encoded) name."""
    return f"$O.fleet_blobs.M.{name}"


def message_id(event: "Event") -> str:
    """Deterministic from deliberation, type, round and agent; never from the attempt.

    Raises:
        InputError: the deliberation's or the agent's id cannot stand in a subject.
    """
    name, round_, agent_id = event.key
    agent = token("agent_id", agent_id) if agent_id else ""
    return f"{token('deliberation_id', event.deliberation_id)}:{name}:{round_}:{agent}"


def command_id(deliberation_id: str) -> str:
    """The message id of a submitted command: one for each deliberation."""
    return f"command:{token('deliberation_id', deliberation_id)}"


def dead_letter_id(stream: str, sequence: int) -> str:
    """The message id of a dead letter: one for each command that was given up."""
    return f"dead_letter:{stream}:{sequence}"


def retry_id(letter_id: str) -> str:
    """The message id of a command that goes back on the queue: one for each dead letter."""
    return f"retry:{letter_id}"
