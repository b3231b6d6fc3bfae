"""The record is copied while it is written, and restored into an empty server: what it tells is the same."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nats_accounts import K8S, Accounts, nats_with_accounts
from story import Story

from swe_ai_fleet.ports.record import Record

pytestmark = [pytest.mark.nats, pytest.mark.timeout(120)]
LARGE = "x" * 300_000


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[tuple[Accounts, Accounts]]:
    """One that works, and one that is empty."""
    folders = tmp_path / "working", tmp_path / "empty"
    for folder in folders:
        folder.mkdir()
    with nats_with_accounts(folders[0]) as working, nats_with_accounts(folders[1]) as empty:
        asyncio.run(working.declare(readers={"audit": "fleet.v1.event.>"}))
        yield working, empty


async def copy(act: str, accounts: Accounts, folder: Path) -> tuple[int, str, str]:
    seed = folder.parent / f"{act}.seed"
    seed.write_text(accounts.seeds["backup"])
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, str(K8S / "record_backup.py"), act, str(folder)),
        *("--url", accounts.server.url, "--seed-file", str(seed)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return process.returncode, stdout.decode(), stderr.decode()


async def publish(record: Record, *numbers: int) -> None:
    for number in numbers:
        told = Story(deliberation_id=f"d{number}")
        for event in (told.requested(), told.started(), told.proposed(0), told.proposed(1, LARGE)):
            await record.events.publish(event)


async def test_a_copy_taken_at_work_is_restored_whole(
    servers: tuple[Accounts, Accounts], tmp_path: Path
) -> None:
    working, empty = servers
    async with working.record("worker") as record:
        await publish(record, *range(20))
        writing = asyncio.ensure_future(publish(record, *range(20, 60)))
        code, told, problem = await copy("backup", working, tmp_path / "copy")
        assert code == 0, problem
        await writing
        before = {n: await record.events.history(f"d{n}") for n in range(20)}
    lines = dict(line.split(": ") for line in told.splitlines())
    assert int(lines["FLEET_EVENTS"].split()[0]) >= 80

    code, told, problem = await copy("restore", empty, tmp_path / "copy")
    assert code == 0, problem
    assert dict(line.split(": ") for line in told.splitlines()) == lines
    async with empty.record("worker") as record:
        assert {n: await record.events.history(f"d{n}") for n in range(20)} == before
        await publish(record, 19, 100)
        assert await record.events.history("d19") == before[19], "what is there is not written twice"
        assert len(await record.events.history("d100")) == 4
    async with empty.client("consumer") as reader:
        stream = reader.client.jetstream(prefix="$JS.fleet.API")
        info = await stream.consumer_info("FLEET_EVENTS", "audit")
        assert info.num_pending is not None
        assert info.num_pending >= 80, "readers go on where they stood"


async def test_nothing_is_restored_over_what_is_there(
    servers: tuple[Accounts, Accounts], tmp_path: Path
) -> None:
    working, _ = servers
    async with working.record("worker") as record:
        await publish(record, 1)
    assert (await copy("backup", working, tmp_path / "copy"))[0] == 0
    code, _, problem = await copy("restore", working, tmp_path / "copy")
    assert code == 1
    assert "stream name already in use" in problem
    async with working.record("worker") as record:
        assert len(await record.events.history("d1")) == 4


async def test_a_server_that_is_away_is_named(servers: tuple[Accounts, Accounts], tmp_path: Path) -> None:
    working, _ = servers
    working.server.kill()
    code, _, problem = await copy("backup", working, tmp_path / "copy")
    assert code == 4
    assert working.server.url in problem
