"""From a task file to one published decision, with the real servers and the real agents."""

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import nats
import pytest
from command_line import ROOT, environment, swe_fleet
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats_server import NatsServer, running_nats_server

pytestmark = [
    pytest.mark.local,
    pytest.mark.nats,
    pytest.mark.ray,
    pytest.mark.sandbox,
    pytest.mark.timeout(300),
]
EXAMPLE = ROOT / "examples" / "inventory"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    async with running_nats_server(tmp_path / "nats") as running:
        yield running


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A user's own copy of the example: its repository stands alone."""
    folder = tmp_path / "inventory"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".pytest_cache"))
    git(folder / "stockroom", "init", "--quiet")
    git(folder / "stockroom", "add", ".")
    who = ("-c", "user.name=user", "-c", "user.email=user@example.org")
    git(folder / "stockroom", *who, "commit", "--quiet", "--message", "As it is")
    return folder


def git(folder: Path, *words: str, given: str = "") -> None:
    subprocess.run(["git", *words], cwd=folder, input=given, text=True, check=True)


def fails(folder: Path) -> bool:
    """Whether the example's tests fail, by its own command."""
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        check=False,
    )
    return run.returncode != 0


async def listening(server: NatsServer, heard: list[Msg]) -> Client:
    """Somebody else's subscriber, who knows nothing of the fleet but the subject."""

    async def hear(message: Msg) -> None:
        heard.append(message)

    client = await nats.connect(server.url)
    await client.subscribe("fleet.v1.event.*.closed", cb=hear)
    await client.flush()
    return client


async def test_a_bug_is_decided_published_once_and_shown_again_from_its_events(
    server: NatsServer, example: Path, tmp_path: Path
) -> None:
    env = environment(tmp_path, FLEET_NATS__URL=server.url)
    heard: list[Msg] = []
    client = await listening(server, heard)
    task = str(example / "task.yaml")
    ended = await swe_fleet("deliberate", task, "--json", "--id", "reserved", env=env, cwd=tmp_path)
    await client.flush()
    await client.close()
    assert ended.exit_code == 0, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout)
    jsonschema.validate(result, json.loads((ROOT / "schemas" / "result.schema.json").read_text()))
    assert len(result["agents"]) == 6

    assert fails(example / "stockroom")
    git(example / "stockroom", "apply", given=result["winner"]["patch"])
    assert not fails(example / "stockroom")

    assert [json.loads(message.data)["data"]["result"]["winner"] for message in heard] == [result["winner"]]
    shown = await swe_fleet("show", "reserved", "--json", env=env, cwd=tmp_path)
    assert ranking_bytes(shown.stdout) == ranking_bytes(ended.stdout)


def ranking_bytes(document: str) -> str:
    return json.dumps(json.loads(document)["ranking"])
