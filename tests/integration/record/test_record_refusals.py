"""What is not allowed, or not there, is known within seconds and named."""

import asyncio
import os
import time
from pathlib import Path

import nkeys
import pytest
from nats_server import running_nats_server
from pydantic import SecretStr
from story import T0, Story, task

from swe_ai_fleet.errors import InputError, RecordDeniedError, UnreachableError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.ports.record import Command

pytestmark = pytest.mark.nats

USERS = """
accounts {
  FLEET {
    jetstream: enabled
    users: [
      {user: owner, password: o}
      {user: limited, password: l, permissions: {
        publish: {allow: ["fleet.v1.event.*.proposed.>", "$JS.API.STREAM.INFO.*", "$JS.API.DIRECT.GET.>"]}
        subscribe: {allow: ["_INBOX_limited.>"]}
      }}
    ]
  }
}
"""


def seeded() -> tuple[str, str]:
    seed: bytes = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public: bytes = nkeys.from_seed(bytearray(seed)).public_key
    return seed.decode(), public.decode()


async def test_a_publish_that_is_not_allowed_is_refused_at_once_and_not_tried_again(tmp_path: Path) -> None:
    async with running_nats_server(tmp_path, USERS) as server:
        address = server.url.removeprefix("nats://")
        async with (
            open_nats_record(NatsOptions(url=f"nats://owner:o@{address}")) as owner,
            open_nats_record(
                NatsOptions(url=f"nats://limited:l@{address}", inbox_prefix="_INBOX_limited")
            ) as limited,
        ):
            await limited.events.publish(Story().proposed(0))
            began = time.monotonic()
            with pytest.raises(RecordDeniedError, match=r"may not publish fleet\.v1\.event\.d1\.requested"):
                await limited.events.publish(Story().requested())
            with pytest.raises(RecordDeniedError, match="may not publish fleet"):
                await limited.commands.submit(Command(deliberation_id="d1", task=task(), seed=7, time=T0))
            with pytest.raises(RecordDeniedError, match=r"MSG\.NEXT"):
                await limited.commands.next(wait_s=5)
            assert time.monotonic() - began < 2
            assert [event.type for event in await owner.events.history("d1")] == ["proposed"]


async def test_following_that_is_not_allowed_is_refused_at_once(tmp_path: Path) -> None:
    async with running_nats_server(tmp_path, USERS) as server:
        address = server.url.removeprefix("nats://")
        async with (
            open_nats_record(NatsOptions(url=f"nats://owner:o@{address}")),
            open_nats_record(
                NatsOptions(url=f"nats://limited:l@{address}", inbox_prefix="_INBOX_limited")
            ) as limited,
            limited.events.follow("d1") as events,
        ):
            with pytest.raises(RecordDeniedError, match=r"may not subscribe fleet\.v1\.stored\.d1"):
                await anext(aiter(events))


async def test_an_inbox_that_is_not_allowed_is_named_with_its_setting(tmp_path: Path) -> None:
    async with running_nats_server(tmp_path, USERS) as server:
        address = server.url.removeprefix("nats://")
        with pytest.raises(RecordDeniedError, match="FLEET_NATS__INBOX_PREFIX"):
            async with open_nats_record(NatsOptions(url=f"nats://limited:l@{address}")):
                pass


async def test_a_password_that_is_wrong_is_refused_and_not_shown(tmp_path: Path) -> None:
    async with running_nats_server(tmp_path, USERS) as server:
        address = server.url.removeprefix("nats://")
        with pytest.raises(RecordDeniedError) as raised:
            async with open_nats_record(NatsOptions(url=f"nats://owner:wrong-secret@{address}")):
                pass
    assert address in str(raised.value)
    assert "wrong-secret" not in str(raised.value)


async def test_an_nkey_opens_what_it_is_the_key_of(tmp_path: Path) -> None:
    seed, public = seeded()
    file = tmp_path / "seed"
    file.write_text(seed + "\n")
    config = f"accounts {{ FLEET {{ jetstream: enabled, users: [{{nkey: {public}}}] }} }}"
    async with running_nats_server(tmp_path / "nats", config) as server:
        for options in (
            NatsOptions(url=server.url, nkey_seed_file=file),
            NatsOptions(url=server.url, nkey_seed=SecretStr(seed)),
        ):
            async with open_nats_record(options) as record:
                await record.events.publish(Story().requested())
        with pytest.raises(RecordDeniedError):
            async with open_nats_record(NatsOptions(url=server.url, nkey_seed=SecretStr(seeded()[0]))):
                pass


async def test_a_token_opens_a_server_that_asks_for_one(tmp_path: Path) -> None:
    async with running_nats_server(tmp_path, "authorization { token: opensesame }") as server:
        async with open_nats_record(NatsOptions(url=server.url, token=SecretStr("opensesame"))) as record:
            await record.events.publish(Story().requested())
        with pytest.raises(RecordDeniedError):
            async with open_nats_record(NatsOptions(url=server.url)):
                pass


async def test_a_server_that_is_not_there_is_named_within_its_limit() -> None:
    began = time.monotonic()
    with pytest.raises(UnreachableError, match=r"NATS does not answer at nats://127\.0\.0\.1:1 "):
        async with open_nats_record(NatsOptions(url="nats://user:secret@127.0.0.1:1", connect_s=0.5)):
            pass
    assert time.monotonic() - began < 5


async def test_a_server_that_accepts_and_says_nothing_is_named_too() -> None:
    async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    silent = await asyncio.start_server(stay_silent, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        with pytest.raises(UnreachableError, match=f"127.0.0.1:{port}"):
            async with open_nats_record(NatsOptions(url=f"nats://127.0.0.1:{port}", connect_s=0.5)):
                pass


async def test_a_seed_file_that_is_missing_is_named_by_its_setting(tmp_path: Path) -> None:
    options = NatsOptions(url="nats://127.0.0.1:1", nkey_seed_file=tmp_path / "missing")
    with pytest.raises(InputError, match="FLEET_NATS__NKEY_SEED_FILE"):
        async with open_nats_record(options):
            pass


async def test_a_seed_that_is_none_is_named_by_its_setting(tmp_path: Path) -> None:
    options = NatsOptions(url="nats://127.0.0.1:1", nkey_seed=SecretStr("SUABC"))
    with pytest.raises(InputError, match="FLEET_NATS__NKEY_SEED"):
        async with open_nats_record(options):
            pass


async def test_a_key_that_is_withdrawn_ends_followers_and_publishers(tmp_path: Path) -> None:
    seed, public = seeded()
    users = f"accounts {{ FLEET {{ jetstream: enabled, users: [{{nkey: {public}}}] }} }}"
    async with running_nats_server(tmp_path / "nats", users) as server:
        options = NatsOptions(url=server.url, nkey_seed=SecretStr(seed), publish_s=1.0)
        async with open_nats_record(options) as record, record.events.follow("d1") as events:
            server.config = users.replace(public, seeded()[1])
            server.reload()
            with pytest.raises(RecordDeniedError, match="any more"):
                await anext(aiter(events))
            with pytest.raises(RecordDeniedError, match="any more"):
                await record.events.publish(Story().requested())
