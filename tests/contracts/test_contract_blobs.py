"""What every store of large content promises."""

import asyncio
import hashlib

import pytest

from swe_ai_fleet.errors import RecordNotFoundError
from swe_ai_fleet.ports.record import Record


@pytest.mark.parametrize("size", [0, 1, 128 * 1024, 128 * 1024 + 1, 3_000_000])
async def test_content_comes_back_under_its_digest(record: Record, size: int) -> None:
    content = bytes(n % 251 for n in range(1000)) * (size // 1000 + 1)
    content = content[:size]
    digest = await record.blobs.put(content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert await record.blobs.get(digest) == content


async def test_storing_the_same_content_again_changes_nothing(record: Record) -> None:
    assert await record.blobs.put(b"same") == await record.blobs.put(b"same")


async def test_many_may_store_the_same_content_at_once(record: Record) -> None:
    content = b"0123456789" * 50_000
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(record.blobs.put(content)) for _ in range(5)]
    assert len({task.result() for task in tasks}) == 1
    assert await record.blobs.get(tasks[0].result()) == content


async def test_what_was_never_stored_is_not_found(record: Record) -> None:
    with pytest.raises(RecordNotFoundError, match="0000"):
        await record.blobs.get("0" * 64)
