"""Snapshots in a NATS key-value bucket, written with compare-and-set."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from swe_ai_fleet.errors import RecordUnavailableError
from swe_ai_fleet.messaging.nats_publisher import NatsPublisher, Outgoing, SubjectTakenError
from swe_ai_fleet.messaging.nats_requests import JetStreamApi, Stored
from swe_ai_fleet.messaging.streams import SNAPSHOTS
from swe_ai_fleet.messaging.subjects import snapshot_subject
from swe_ai_fleet.ports.record import Snapshot

_TRIES = 20
_PAUSE_S = 0.05
_REMEMBERED = 10_000


class NatsSnapshotStore:
    """The latest snapshot of every deliberation, the most recently written at the end of the bucket's stream."""

    def __init__(self, api: JetStreamApi, publisher: NatsPublisher) -> None:
        """Revisions that were written here are remembered, so that one write costs one request."""
        self._api = api
        self._publisher = publisher
        self._written: OrderedDict[str, tuple[int, datetime]] = OrderedDict()

    async def put(self, snapshot: Snapshot) -> None:
        """Store it unless a later one is there."""
        subject, payload = snapshot_subject(snapshot.deliberation_id), snapshot.model_dump_json().encode()
        after, written = self._written.get(snapshot.deliberation_id, (0, snapshot.updated))
        if written > snapshot.updated:
            return
        for _ in range(_TRIES):
            try:
                stored = await self._publisher.publish(
                    Outgoing(subject=subject, payload=payload, after=after)
                )
            except SubjectTakenError:
                there = await self._api.last(SNAPSHOTS, subject)
            else:
                self._remember(snapshot, stored.sequence)
                return
            if there is not None and _is_later(there, snapshot):
                return
            if there is None or there.sequence == after:
                await asyncio.sleep(_PAUSE_S)  # a replica that answers may be behind its leader
            after = 0 if there is None else there.sequence
        raise RecordUnavailableError(f"the snapshot of {snapshot.deliberation_id} changes too fast")

    def _remember(self, snapshot: Snapshot, revision: int) -> None:
        self._written[snapshot.deliberation_id] = (revision, snapshot.updated)
        self._written.move_to_end(snapshot.deliberation_id)
        if len(self._written) > _REMEMBERED:
            self._written.popitem(last=False)

    async def get(self, deliberation_id: str) -> Snapshot | None:
        """The latest, or None."""
        stored = await self._api.last(SNAPSHOTS, snapshot_subject(deliberation_id))
        return None if stored is None else _snapshot(stored)

    async def list(self, *, limit: int = 100) -> Sequence[Snapshot]:
        """The most recently updated first; only the end of the stream is read."""
        info: dict[str, Any] = await self._api.ask(f"STREAM.INFO.{SNAPSHOTS}")
        first, last = int(info["state"]["first_seq"]), int(info["state"]["last_seq"])
        window = limit
        while True:
            start = max(first, last - window + 1)
            read = [_snapshot(s) async for s in self._api.read(SNAPSHOTS, ">", start=max(1, start))]
            found = [snapshot for snapshot in read if snapshot is not None]
            if len(found) >= limit or start <= first:
                found.sort(key=lambda s: (s.updated, s.deliberation_id), reverse=True)
                return found[:limit]
            window *= 4


def _snapshot(stored: Stored) -> Snapshot | None:
    """None for a key that was deleted, or whose content is not ours."""
    try:
        return Snapshot.model_validate_json(stored.payload)
    except ValidationError:
        return None


def _is_later(stored: Stored, snapshot: Snapshot) -> bool:
    there = _snapshot(stored)
    return there is not None and there.updated > snapshot.updated
