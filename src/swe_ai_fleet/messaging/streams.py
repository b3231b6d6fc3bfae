"""The streams, buckets and durable consumers of the fleet, declared once, as JetStream's own API takes them.

Durations are nanoseconds, as on the wire. How many copies a stream has is the installation's choice and not declared;
how long events stay is its choice too, and declared with a default.
"""

from collections.abc import Mapping
from typing import Any

from swe_ai_fleet.messaging.subjects import (
    ALL_COMMANDS,
    ALL_DEAD_LETTERS,
    ALL_EVENTS,
    ALL_RELIABILITY,
    ALL_SNAPSHOTS,
    ALL_STORED,
)

COMMANDS = "FLEET_COMMANDS"
EVENTS = "FLEET_EVENTS"
DEAD_LETTERS = "FLEET_DEAD_LETTERS"
SNAPSHOTS = "KV_fleet_deliberations"
RELIABILITY = "KV_fleet_reliability"
BLOBS = "OBJ_fleet_blobs"
WORKERS = "workers"
"""The durable consumer that all workers share."""

RETENTION_DAYS = 30
"""How long events stay where the installation does not say otherwise."""
RETAINED: Mapping[str, int] = {EVENTS: 0, SNAPSHOTS: 0, BLOBS: 1}
"""What stays as long as events, and by how many days longer: a blob outlives every event that refers to it."""
BLOB_REFRESH_S = 12 * 3600.0
"""A blob that is older is stored anew when something refers to it again."""

ACK_WAIT_S = 30.0
"""A command that is neither settled nor reported in progress for so long is handed out again."""
MAX_DELIVER = 10
"""A command that was handed out so often becomes a dead letter when it comes up once more.

The workers see to it, not the server: what the server gives up stays in the queue, out of everybody's sight.
"""

_KIB = 1024
_S = 1_000_000_000
_DAY = 24 * 3600 * _S

_STREAMS: tuple[dict[str, Any], ...] = (
    {
        "name": COMMANDS,
        "description": "Deliberations that are asked for, until a worker has closed them",
        "subjects": [ALL_COMMANDS],
        "retention": "workqueue",
        "storage": "file",
        "discard": "new",
        "max_age": 7 * _DAY,
        "max_msg_size": 256 * _KIB,
        "duplicate_window": 3600 * _S,
        "allow_direct": True,
    },
    {
        "name": EVENTS,
        "description": "Everything that happened in every deliberation",
        "subjects": [ALL_EVENTS],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msg_size": 256 * _KIB,
        "duplicate_window": 120 * _S,
        "allow_direct": True,
        "republish": {"src": ALL_EVENTS, "dest": ALL_STORED},
    },
    {
        "name": DEAD_LETTERS,
        "description": "Commands that were given up, and why",
        "subjects": [ALL_DEAD_LETTERS],
        "retention": "limits",
        "storage": "file",
        "discard": "old",
        "max_age": 30 * _DAY,
        "duplicate_window": _DAY,
        "allow_direct": True,
    },
    {
        "name": SNAPSHOTS,
        "description": "One line of every deliberation; rebuildable from its events",
        "subjects": [ALL_SNAPSHOTS],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msgs_per_subject": 1,
        "max_msg_size": 64 * _KIB,
        "duplicate_window": 120 * _S,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_direct": True,
    },
    {
        "name": RELIABILITY,
        "description": "How often agents and judges were right, as users reported it",
        "subjects": [ALL_RELIABILITY],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "max_msgs_per_subject": 5,
        "max_msg_size": 1024 * _KIB,
        "duplicate_window": 120 * _S,
        "allow_rollup_hdrs": True,
        "deny_delete": True,
        "allow_direct": True,
    },
    {
        "name": BLOBS,
        "description": "Payloads over 128 KiB by their sha256",
        "subjects": ["$O.fleet_blobs.C.>", "$O.fleet_blobs.M.>"],
        "retention": "limits",
        "storage": "file",
        "discard": "new",
        "duplicate_window": 120 * _S,
        "allow_rollup_hdrs": True,
        "allow_direct": True,
    },
)

_CONSUMERS: tuple[tuple[str, dict[str, Any]], ...] = (
    (
        COMMANDS,
        {
            "durable_name": WORKERS,
            "description": "All workers: each command in one hand at a time",
            "deliver_policy": "all",
            "ack_policy": "explicit",
            "ack_wait": int(ACK_WAIT_S) * _S,
            "max_deliver": -1,
            "max_ack_pending": 10_000,
            "replay_policy": "instant",
        },
    ),
)


def stream_declarations(*, retention_days: int = RETENTION_DAYS) -> tuple[dict[str, Any], ...]:
    """Every stream, the buckets' included, as the body of ``STREAM.CREATE``."""
    return tuple(
        {**config, "max_age": (retention_days + RETAINED[config["name"]]) * _DAY}
        if config["name"] in RETAINED
        else dict(config)
        for config in _STREAMS
    )


def consumer_declarations() -> tuple[tuple[str, dict[str, Any]], ...]:
    """Every durable consumer, as (stream, consumer configuration)."""
    return tuple((stream, dict(config)) for stream, config in _CONSUMERS)
