"""Commands that no worker can serve are put aside once, and a record that is gone is told to whoever works on it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from endings import until
from nats_server import NatsServer, running_nats_server
from pydantic import SecretStr
from small_fleet import Says, small_fleet
from story import T0, Story, task

from swe_ai_fleet.errors import RecordDeniedError, RecordGoneError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import COMMANDS
from swe_ai_fleet.messaging.subjects import command_subject
from swe_ai_fleet.orchestrator.agents.kept_record import KeptRecord
from swe_ai_fleet.ports.record import Command, Record

pytestmark = pytest.mark.nats

DOTTED = (
    Command(deliberation_id="d1", task=task(), seed=7, time=T0).model_dump_json().replace('"d1"', '"a.b"')
)


@pytest.mark.parametrize(
    "payload", [b"[" * 100_000, b"\0" * 200_000, DOTTED.encode()], ids=["nested", "swells", "dotted"]
)
async def test_a_message_that_is_no_command_becomes_one_letter(
    server: NatsServer, record: Record, payload: bytes
) -> None:
    client = await nats.connect(server.url)
    await client.jetstream().publish(command_subject("DEV"), payload, stream=COMMANDS)
    await client.close()
    delivery = await record.commands.next(wait_s=5.0)
    assert delivery is not None
    await delivery.term("no command", refused=True)
    (letter,) = await record.dead_letters.list()
    assert payload.decode().startswith(letter.payload[:1000])
    assert await record.commands.next(wait_s=0.1) is None
    assert await record.commands.find("d1") is None


async def test_a_large_command_in_any_script_is_kept_whole_by_its_letter(record: Record) -> None:
    wordy = task().model_copy(update={"description": "\u0441\u043a\u043b\u0430\u0434 " * 8000})
    command = Command(deliberation_id="d1", task=wordy, seed=7, time=T0)
    await record.commands.submit(command)
    delivery = await record.commands.next(wait_s=5.0)
    assert delivery is not None
    await delivery.term("no worker can serve it")
    (letter,) = await record.dead_letters.list()
    assert Command.model_validate_json(letter.payload) == command


@asynccontextmanager
async def with_token(tmp_path: Path) -> AsyncIterator[tuple[NatsServer, NatsOptions]]:
    config = 'authorization { token: "good" }'
    async with running_nats_server(tmp_path / "nats", config) as server:
        yield server, NatsOptions(url=server.url, request_s=2.0, publish_s=2.0, token=SecretStr("good"))


async def thrown_out(server: NatsServer, record: Record) -> None:
    """For good: the server did not know the token for a moment."""
    good = server.config
    server.config = good.replace("good", "other")
    server.reload()
    await until(record.is_gone)
    server.config = good
    server.reload()


async def test_whoever_takes_commands_is_told_that_the_connection_is_gone(tmp_path: Path) -> None:
    async with with_token(tmp_path) as (server, options), open_nats_record(options) as record:
        await thrown_out(server, record)
        with pytest.raises((RecordGoneError, RecordDeniedError)):
            await record.commands.next(wait_s=1.0)


async def test_a_kept_record_that_is_gone_is_opened_anew(tmp_path: Path) -> None:
    async with with_token(tmp_path) as (server, options):
        kept = KeptRecord(lambda: open_nats_record(options))
        first = await kept.get()
        await thrown_out(server, first)
        again = await kept.get()
        await again.events.publish(Story().requested())
        assert again is not first
        await kept.close()


async def test_a_deliberation_that_is_closed_is_told_to_the_observer_without_waiting(record: Record) -> None:
    async with small_fleet(lambda _: Says(after_s=0.0), record=record) as fleet:
        requested = fleet.request(task(code=False))
        first = await fleet.deliberate.run(requested)
        seen: list[str] = []
        async with asyncio.timeout(4.0):
            again = await fleet.deliberate.run(requested, observe=lambda e: seen.append(e.type), is_new=False)
        assert again == first
        assert seen == [event.type for event in await record.events.history("d1")]
