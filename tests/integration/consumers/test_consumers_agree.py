"""The consumers of the examples see every event, across a restart of the server and one of their own."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from nats_accounts import API_OF_OTHERS, Accounts, nats_with_accounts
from nats_server import running_nats_server
from story import Story, task

from swe_ai_fleet.domain.events import Closed, Event
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.messaging.envelope import TYPE_PREFIX
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.subjects import message_id
from swe_ai_fleet.ports.record import Record

pytestmark = [pytest.mark.nats, pytest.mark.node, pytest.mark.slow, pytest.mark.timeout(240)]
CONSUMERS = Path(__file__).parents[3] / "examples" / "consumers"
SCHEMAS = Path(__file__).parents[3] / "schemas" / "asyncapi.yaml"
DELIBERATIONS = 50
LARGE = "x" * 200_000


@pytest.fixture(scope="module")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The consumer in JavaScript with its packages installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node.js 18 and npm: apt-get install nodejs npm. Then: pytest -m node")
    folder = tmp_path_factory.mktemp("javascript")
    shutil.copytree(
        CONSUMERS / "javascript", folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules")
    )
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        pytest.skip(f"npm ci in examples/consumers/javascript: {done.stderr.strip()[-300:]}")
    return folder / "follow.mjs"


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[Accounts]:
    with nats_with_accounts(tmp_path) as running:
        asyncio.run(
            running.declare(readers=dict.fromkeys(("in-javascript", "in-python"), "fleet.v1.event.>"))
        )
        (tmp_path / "seed").write_text(running.seeds["consumer"])
        yield running


@dataclass(kw_only=True)
class Consumer:
    """One consumer as a process, and everything that it has printed over its lives."""

    command: list[str]
    folder: Path
    name: str
    process: subprocess.Popen[bytes] | None = None
    lives: int = field(default=0)

    def start(self) -> None:
        self.lives += 1
        out, err = (self.folder / f"{self.name}-{self.lives}.{kind}" for kind in ("out", "err"))
        with out.open("wb") as printed, err.open("wb") as complained:
            self.process = subprocess.Popen(self.command, stdout=printed, stderr=complained)

    def end(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(timeout=30)

    async def ended(self) -> int:
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, 30)

    def lines(self) -> list[dict[str, Any]]:
        printed = [path.read_text() for path in sorted(self.folder.glob(f"{self.name}-*.out"))]
        complete = [
            line for text in printed for line in text.splitlines(keepends=True) if line.endswith("\n")
        ]
        return [json.loads(line) for line in complete]

    async def until_seen(self, ids: set[str]) -> None:
        while missing := ids - {line["id"] for line in self.lines()}:
            assert self.process is not None
            assert self.process.poll() is None, f"{self.name} ended before it saw {sorted(missing)[:3]}"
            await asyncio.sleep(0.1)


def credentials(accounts: Accounts, folder: Path) -> list[str]:
    seed = str(folder / "seed")
    place = ["--server", accounts.server.url, "--api-prefix", API_OF_OTHERS]
    return [*place, "--seed-file", seed, "--inbox-prefix", "_INBOX_consumer"]


def in_javascript(accounts: Accounts, program: Path, folder: Path, *options: str) -> Consumer:
    command = ["node", str(program), *credentials(accounts, folder), "--schemas", str(SCHEMAS), *options]
    return Consumer(command=command, folder=folder, name="javascript")


def in_python(accounts: Accounts, folder: Path, *options: str) -> Consumer:
    program = str(CONSUMERS / "python" / "follow.py")
    command = [sys.executable, program, *credentials(accounts, folder), *options]
    return Consumer(command=command, folder=folder, name="python")


@pytest.fixture
def consumers(accounts: Accounts, javascript: Path, tmp_path: Path) -> Iterator[list[Consumer]]:
    both = [
        in_javascript(accounts, javascript, tmp_path, "--durable", "in-javascript"),
        in_python(accounts, tmp_path, "--durable", "in-python"),
    ]
    for consumer in both:
        consumer.start()
    yield both
    for consumer in both:
        if consumer.process is not None and consumer.process.poll() is None:
            consumer.end(signal.SIGKILL)


def told(number: int) -> list[Event]:
    """All events of one deliberation of three agents and one review; every tenth has a large proposal."""
    story = Story(task(rounds=1), deliberation_id=f"d{number}")
    content = LARGE if number % 10 == 0 else f"fix {number}"
    result = Result(
        deliberation_id=f"d{number}",
        task_id="reorder",
        outcome=DeliberationOutcome.UNDECIDED,
        seed=number,
        duration_s=1.0,
    )
    requested = story.requested()
    return [
        requested,
        story.started(),
        story.base(),
        story.proposed(0, content),
        story.checked(0, passed=True),
        story.proposed(1),
        story.failed(2),
        story.cut(["dev-1.0", "dev-2.0"], checked=["dev-1.0"]),
        story.critiqued(0, 1),
        story.revised(1),
        story.cut(["dev-2.1"], checked=[], round_=1),
        Closed(
            deliberation_id=f"d{number}",
            task_id="reorder",
            num_agents=requested.num_agents,
            time=requested.time,
            outcome=result.outcome,
            result=result,
        ),
    ]


async def publish(record: Record, *numbers: int) -> None:
    for number in numbers:
        for event in told(number):
            await record.events.publish(event)


async def test_both_see_every_event_over_restarts_of_the_server_and_of_themselves(
    accounts: Accounts, consumers: list[Consumer]
) -> None:
    async with accounts.record("worker") as record:
        await publish(record, *range(15))
        await accounts.server.restart()
        await publish(record, *range(15, 30))
        for consumer in consumers:
            await consumer.until_seen({message_id(event) for event in told(5)})
            consumer.end(signal.SIGKILL)
            consumer.start()
        await publish(record, *range(30, DELIBERATIONS))
    published = {
        message_id(event): f"{TYPE_PREFIX}{event.type}" for n in range(DELIBERATIONS) for event in told(n)
    }
    for consumer in consumers:
        await consumer.until_seen(set(published))
        assert consumer.end(signal.SIGTERM) == 0
    javascript, python = (consumer.lines() for consumer in consumers)
    assert [line["problem"] for line in javascript if line["problem"]] == []
    seen = [
        {(line["sequence"], line["id"], line["type"]) for line in lines} for lines in (javascript, python)
    ]
    assert seen[0] == seen[1]
    assert {(id_, type_) for _, id_, type_ in seen[0]} == set(published.items())
    assert len(seen[0]) == len(published)


async def test_a_reader_that_nobody_declared_is_told_so(
    accounts: Accounts, javascript: Path, tmp_path: Path
) -> None:
    for consumer in (
        in_javascript(accounts, javascript, tmp_path, "--durable", "nobodys"),
        in_python(accounts, tmp_path, "--durable", "nobodys"),
    ):
        consumer.start()
        assert await consumer.ended() != 0
        complaint = (tmp_path / f"{consumer.name}-1.err").read_text()
        assert "nobodys" in complaint or "10014" in complaint or "ermission" in complaint


async def test_without_accounts_a_reader_makes_its_own_durable(javascript: Path, tmp_path: Path) -> None:
    async with (
        running_nats_server(tmp_path / "plain") as server,
        open_nats_record(NatsOptions(url=server.url)) as record,
    ):
        await publish(record, 1, 2)
        wanted = {message_id(event) for number in (1, 2) for event in told(number)}
        schemas = ["--schemas", str(SCHEMAS)]
        commands = {
            "javascript": ["node", str(javascript), *schemas, "--server", server.url, "--durable", "js"],
            "python": [
                *(sys.executable, str(CONSUMERS / "python" / "follow.py")),
                *("--server", server.url, "--durable", "py"),
            ],
        }
        for name, command in commands.items():
            consumer = Consumer(command=command, folder=tmp_path, name=name)
            consumer.start()
            await consumer.until_seen(wanted)
            assert consumer.end(signal.SIGTERM) == 0


def test_the_document_is_what_asyncapi_itself_calls_valid(javascript: Path) -> None:
    schemas = javascript.parent / "node_modules" / "@asyncapi" / "specs" / "schemas"
    validator = jsonschema.Draft7Validator(json.loads((schemas / "3.0.0-without-$id.json").read_text()))
    assert [*validator.iter_errors(yaml.safe_load(SCHEMAS.read_text()))] == []


async def test_following_one_deliberation_ends_with_it(
    accounts: Accounts, javascript: Path, tmp_path: Path
) -> None:
    async with accounts.record("worker") as record:
        await publish(record, 9, 10, 11)
    consumer = in_javascript(accounts, javascript, tmp_path, "--deliberation", "d10")
    consumer.start()
    assert await consumer.ended() == 0
    assert [line["id"] for line in consumer.lines()] == [message_id(event) for event in told(10)]


async def test_an_event_against_the_schema_is_named(
    accounts: Accounts, javascript: Path, tmp_path: Path
) -> None:
    async with accounts.client("worker") as worker:
        broken = {"specversion": "1.0", "id": "x", "type": f"{TYPE_PREFIX}closed", "data": {}}
        await worker.client.publish("fleet.v1.event.d1.closed", json.dumps(broken).encode())
        await worker.client.flush()
    consumer = in_javascript(accounts, javascript, tmp_path, "--deliberation", "d1")
    consumer.start()
    assert await consumer.ended() == 1
    [line] = consumer.lines()
    assert "must have required property 'time'" in line["problem"]
