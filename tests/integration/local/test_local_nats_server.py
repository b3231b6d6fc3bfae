"""The embedded nats-server lives exactly as long as somebody uses its folder."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import nats
import pytest
from nats.errors import Error as NatsError

from swe_ai_fleet.errors import UnreachableError
from swe_ai_fleet.local.nats_server import NatsAddress, open_nats_server

pytestmark = pytest.mark.local

USER = """
import asyncio, sys
from pathlib import Path
from swe_ai_fleet.local.nats_server import open_nats_server

async def main():
    async with open_nats_server(Path(sys.argv[1])) as address:
        print(address.url, flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def _until(condition: Callable[[], bool], *, limit_s: float = 10.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.01)


def _server_pid(folder: Path) -> int:
    return int(json.loads((folder / "server.json").read_text())["pid"])


async def _store(address: NatsAddress, text: bytes) -> None:
    client = await nats.connect(address.url, token=address.token.get_secret_value())
    jetstream = client.jetstream()
    await jetstream.add_stream(name="KEPT", subjects=["kept"])
    await jetstream.publish("kept", text)
    await client.close()


async def _stored(address: NatsAddress) -> int:
    client = await nats.connect(address.url, token=address.token.get_secret_value())
    info = await client.jetstream().stream_info("KEPT")
    await client.close()
    return info.state.messages


async def test_a_second_user_shares_the_server_and_the_last_one_stops_it(tmp_path: Path) -> None:
    async with open_nats_server(tmp_path) as first:
        pid = _server_pid(tmp_path)
        async with open_nats_server(tmp_path) as second:
            assert second == first
        assert _is_alive(pid)
    await _until(lambda: not _is_alive(pid))
    assert not (tmp_path / "server.json").exists()


async def test_what_was_stored_is_there_when_the_folder_is_opened_again(tmp_path: Path) -> None:
    async with open_nats_server(tmp_path) as address:
        await _store(address, b"fact")
    async with open_nats_server(tmp_path) as address:
        assert await _stored(address) == 1


async def test_a_user_that_is_killed_leaves_no_server_behind(tmp_path: Path) -> None:
    user = await asyncio.create_subprocess_exec(
        sys.executable, "-c", USER, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert user.stdout is not None
    assert (await user.stdout.readline()).startswith(b"nats://127.0.0.1:")
    pid = _server_pid(tmp_path)
    user.kill()
    await user.communicate()
    await _until(lambda: not _is_alive(pid))


async def test_a_server_that_dies_comes_back_at_the_same_address_with_its_streams(tmp_path: Path) -> None:
    async with open_nats_server(tmp_path) as address:
        await _store(address, b"fact")
        os.kill(_server_pid(tmp_path), signal.SIGKILL)
        assert await _stored(address) == 1


async def test_nobody_enters_without_the_token(tmp_path: Path) -> None:
    said: list[str] = []

    async def listen(error: Exception) -> None:
        said.append(str(error).lower())

    async with open_nats_server(tmp_path) as address:
        with pytest.raises(NatsError):
            await nats.connect(address.url, max_reconnect_attempts=1, error_cb=listen)
    assert any("authorization" in words for words in said)


async def test_a_folder_that_cannot_hold_streams_is_an_error_in_the_servers_own_words(tmp_path: Path) -> None:
    (tmp_path / "jetstream").write_text("in the way")
    with pytest.raises(UnreachableError, match="storage directory is not a directory"):
        async with open_nats_server(tmp_path):
            pass
