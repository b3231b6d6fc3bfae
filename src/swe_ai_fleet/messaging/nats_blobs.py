"""Large content in a NATS object store, in the format that every NATS client reads."""

import asyncio
import base64
import hashlib
import json
import secrets
from datetime import UTC, datetime

from swe_ai_fleet.errors import RecordError, RecordNotFoundError, RecordUnavailableError
from swe_ai_fleet.messaging.nats_publisher import NatsPublisher, Outgoing
from swe_ai_fleet.messaging.nats_requests import JetStreamApi, Stored
from swe_ai_fleet.messaging.streams import BLOB_REFRESH_S, BLOBS
from swe_ai_fleet.messaging.subjects import blob_chunks, blob_meta
from swe_ai_fleet.ports.record import Published

_CHUNK_BYTES = 128 * 1024
_STALE_TRIES = 25
_STALE_PAUSE_S = 0.1


class NatsBlobStore:
    """Content by its sha256; the object's name is the digest in hexadecimal."""

    def __init__(self, api: JetStreamApi, publisher: NatsPublisher, *, is_clustered: bool = False) -> None:
        """Chunks go the way of all events, so that they survive what events survive."""
        self._api = api
        self._publisher = publisher
        self._is_clustered = is_clustered

    async def put(self, content: bytes) -> str:
        """Store it; the chunks first, then the entry that makes them one object.

        What is there already is stored anew where it is no longer fresh, for it expires by its age.
        """
        digest = hashlib.sha256(content)
        name = digest.hexdigest()
        entry = await self._api.last(BLOBS, _meta_subject(name))
        if entry is not None and _age_s(entry) < BLOB_REFRESH_S:
            return name
        place = secrets.token_hex(11)
        chunks = [content[at : at + _CHUNK_BYTES] for at in range(0, len(content), _CHUNK_BYTES)]
        for number, chunk in enumerate(chunks):
            await self._store(blob_chunks(place), chunk, f"{place}:{number}")
        meta = {
            "name": name,
            "bucket": "fleet_blobs",
            "nuid": place,
            "size": len(content),
            "chunks": len(chunks),
            "mtime": datetime.now(UTC).isoformat(),
            "digest": "SHA-256=" + base64.urlsafe_b64encode(digest.digest()).decode(),
            "options": {"max_chunk_size": _CHUNK_BYTES},
        }
        await self._store(_meta_subject(name), json.dumps(meta).encode(), f"{place}:meta")
        return name

    async def _store(self, subject: str, payload: bytes, message_id: str) -> Published:
        return await self._publisher.publish(
            Outgoing(subject=subject, payload=payload, message_id=message_id)
        )

    async def get(self, sha256: str) -> bytes:
        """The content, once it is proved to be what its name says; a replica that is behind is asked again."""
        for _ in range(_STALE_TRIES if self._is_clustered else 0):
            try:
                return await self._get(sha256)
            except RecordUnavailableError:
                raise
            except RecordError:
                await asyncio.sleep(_STALE_PAUSE_S)
        return await self._get(sha256)

    async def _get(self, sha256: str) -> bytes:
        entry = await self._api.last(BLOBS, _meta_subject(sha256))
        if entry is None:
            raise RecordNotFoundError(f"there is no blob {sha256} on the record")
        place = str(json.loads(entry.payload)["nuid"])
        parts = [stored.payload async for stored in self._api.read(BLOBS, blob_chunks(place))]
        content = b"".join(parts)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise RecordError(f"the blob {sha256} on the record is damaged")
        return content


def _age_s(entry: Stored) -> float:
    """Seconds since the blob was stored."""
    stored = datetime.fromisoformat(json.loads(entry.payload)["mtime"])
    return (datetime.now(UTC) - stored).total_seconds()


def _meta_subject(name: str) -> str:
    return blob_meta(base64.urlsafe_b64encode(name.encode()).decode())
