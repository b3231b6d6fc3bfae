"""Large content where the replica that answers may be behind the one that took it."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fake_time import fake_time, now_s

from swe_ai_fleet.errors import RecordNotFoundError
from swe_ai_fleet.messaging.nats_blobs import NatsBlobStore
from swe_ai_fleet.messaging.nats_requests import Stored

CONTENT = b"a large proposal"
NAME = hashlib.sha256(CONTENT).hexdigest()


class Replica:
    """Knows the blob from the so-manieth question on, and its content one question later."""

    def __init__(self, knows_from: int) -> None:
        self._knows_from = knows_from
        self.asked = 0

    async def last(self, stream: str, subject: str) -> Stored | None:
        self.asked += 1
        entry = Stored(subject, 1, json.dumps({"nuid": "place"}).encode())
        return entry if self.asked >= self._knows_from else None

    async def read(self, stream: str, subject: str) -> AsyncIterator[Stored]:
        if self.asked > self._knows_from:
            yield Stored(subject, 2, CONTENT)


def store(replica: Any, *, is_clustered: bool) -> NatsBlobStore:
    return NatsBlobStore(replica, publisher=None, is_clustered=is_clustered)  # type: ignore[arg-type]  # only read


@fake_time
async def test_a_replica_that_is_behind_is_asked_again() -> None:
    replica = Replica(knows_from=3)
    assert await store(replica, is_clustered=True).get(NAME) == CONTENT
    assert replica.asked == 4


@fake_time
async def test_what_is_not_there_in_the_end_is_not_found_and_one_server_is_asked_once() -> None:
    for is_clustered, asked in ((True, 26), (False, 1)):
        replica = Replica(knows_from=1000)
        with pytest.raises(RecordNotFoundError):
            await store(replica, is_clustered=is_clustered).get(NAME)
        assert replica.asked == asked
    assert now_s() < 5
