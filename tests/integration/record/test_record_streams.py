"""Streams are as declared, or whoever opens the record is told what is not."""

from pathlib import Path

import nats
import pytest
from nats_server import NatsServer, running_nats_server
from story import Story

from swe_ai_fleet.errors import RecordError, UnreachableError
from swe_ai_fleet.messaging import nats_blobs
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.nats_usage import stored_bytes
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import BLOBS, COMMANDS, EVENTS, SNAPSHOTS, WORKERS, stream_declarations

pytestmark = pytest.mark.nats


async def test_a_fresh_server_gets_every_stream_and_an_equal_one_is_left_alone(server: NatsServer) -> None:
    options = NatsOptions(url=server.url)
    client = await nats.connect(server.url)
    created = []
    for _ in range(2):
        async with open_nats_record(options):
            infos = await client.jetstream().streams_info()
            created.append({info.config.name: info.created for info in infos})
    assert created[0] == created[1]
    assert set(created[0]) == {config["name"] for config in stream_declarations()}
    await client.close()


async def test_what_differs_is_brought_in_line(server: NatsServer) -> None:
    options = NatsOptions(url=server.url)
    client = await nats.connect(server.url)
    manager = client.jetstream()
    async with open_nats_record(options):
        config = (await manager.stream_info(EVENTS)).config
        await manager.update_stream(config.evolve(max_age=60.0, duplicate_window=10.0))
        await manager.delete_consumer(COMMANDS, WORKERS)
    async with open_nats_record(options) as record:
        assert (await manager.stream_info(EVENTS)).config.max_age == 30 * 24 * 3600
        assert await record.commands.next(wait_s=0.05) is None
    await client.close()


async def test_how_long_events_stay_is_the_installations_choice(server: NatsServer) -> None:
    client = await nats.connect(server.url)
    manager = client.jetstream()
    for days in (30, 9):
        async with open_nats_record(NatsOptions(url=server.url, retention_days=days)) as record:
            await record.events.publish(Story().requested())
            ages = {info.config.name: info.config.max_age for info in await manager.streams_info()}
            assert ages[EVENTS] == ages[SNAPSHOTS] == days * 24 * 3600
            assert ages[BLOBS] == (days + 1) * 24 * 3600
    await client.close()


async def test_a_blob_that_is_referred_to_again_begins_its_time_anew(
    server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, content = NatsOptions(url=server.url), b"x" * 300_000
    async with open_nats_record(options) as record:
        name = await record.blobs.put(content)
        once = (await stored_bytes(options))[BLOBS]
        assert await record.blobs.put(content) == name
        assert (await stored_bytes(options))[BLOBS] == once
        monkeypatch.setattr(nats_blobs, "BLOB_REFRESH_S", 0.0)
        assert await record.blobs.put(content) == name
        assert (await stored_bytes(options))[BLOBS] > 2 * once - 1000
        assert await record.blobs.get(name) == content


async def test_where_streams_are_declared_elsewhere_the_difference_is_named(server: NatsServer) -> None:
    options = NatsOptions(url=server.url, declare_streams=False)
    with pytest.raises(RecordError, match="stream FLEET_COMMANDS is not as this version declares it"):
        async with open_nats_record(options):
            pass
    async with open_nats_record(NatsOptions(url=server.url)):
        client = await nats.connect(server.url)
        config = (await client.jetstream().stream_info(EVENTS)).config
        await client.jetstream().update_stream(config.evolve(max_age=60.0, duplicate_window=10.0))
        await client.close()
    with pytest.raises(RecordError, match=r"FLEET_EVENTS .*max_age is 60000000000"):
        async with open_nats_record(options):
            pass


async def test_what_cannot_be_changed_in_place_is_an_error_in_the_servers_words(server: NatsServer) -> None:
    client = await nats.connect(server.url)
    await client.jetstream().add_stream(name=COMMANDS, subjects=["fleet.v1.command.>"], storage="memory")
    with pytest.raises(RecordError, match="JetStream: "):
        async with open_nats_record(NatsOptions(url=server.url)):
            pass
    await client.close()


async def test_a_server_without_jetstream_is_named_as_that(tmp_path: Path) -> None:
    async with running_nats_server(tmp_path, has_jetstream=False) as server:
        with pytest.raises(
            UnreachableError, match=r"JetStream does not answer at nats://127.*nats-server -js"
        ):
            async with open_nats_record(NatsOptions(url=server.url, connect_s=0.5)):
                pass


async def test_what_the_record_takes_is_told_by_stream(server: NatsServer) -> None:
    options = NatsOptions(url=server.url)
    async with open_nats_record(options) as record:
        before = await stored_bytes(options)
        await record.events.publish(Story().proposed(0, "x" * 10_000))
        after = await stored_bytes(options)
    assert 10_000 < after[EVENTS] - before[EVENTS] < 12_000
    assert before.keys() == {config["name"] for config in stream_declarations()}
