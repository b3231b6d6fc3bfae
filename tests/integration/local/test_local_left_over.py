"""What the last user of an embedded record had in hand is there for the next one at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from story import T0, task

from swe_ai_fleet.local.embedded import open_embedded
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.streams import ACK_WAIT_S
from swe_ai_fleet.ports.record import Command, Record
from swe_ai_fleet.settings import Settings

pytestmark = [pytest.mark.local, pytest.mark.nats]


@asynccontextmanager
async def record_of(folder: Path) -> AsyncIterator[Record]:
    """As a command opens it: the server ends with its last user, and has ended when this returns."""
    async with (
        open_embedded(Settings(data_dir=folder), use_ray=False) as ready,
        open_nats_record(ready.nats) as record,
    ):
        yield record
    address = urlsplit(ready.nats.url or "")
    async with asyncio.timeout(60):
        while await _listens(str(address.hostname), address.port or 0):  # noqa: ASYNC110 - another process ends it
            await asyncio.sleep(0.05)


async def _listens(host: str, port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.mark.parametrize("is_handed_back", [True, False], ids=["handed back", "let go"])
async def test_what_the_last_user_had_in_hand_comes_at_once(tmp_path: Path, *, is_handed_back: bool) -> None:
    wanted = Command(deliberation_id="left", task=task(), seed=7, time=T0)
    async with record_of(tmp_path) as record:
        await record.commands.submit(wanted)
        delivery = await record.commands.next(wait_s=5)
        assert delivery is not None
        if is_handed_back:
            await delivery.nak(delay_s=0)
    async with record_of(tmp_path) as record:
        again = await record.commands.next(wait_s=ACK_WAIT_S / 3)
        assert again is not None
        assert (again.command, again.delivered) == (wanted, 2)
        await again.ack()
    async with record_of(tmp_path) as record:
        assert await record.commands.next(wait_s=0.1) is None
