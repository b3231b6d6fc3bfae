"""The load of one stage: tasks put on the queue, each once for each id, and which of them were accepted."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats.errors

from chaos.nats_servers import connect
from chaos.plan import Stage
from chaos.processes import Process, python
from chaos.rig import Rig
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.errors import FleetError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.ports.record import Command, Record

CHAINS = ("a:simulated|b:simulated", "b:simulated|c:simulated", "c:simulated|a:simulated")
_MOST_OPEN = 40
"""No more are submitted while so many are open: a load, not a flood."""
_THROUGH_THE_COMMAND_LINE = 40
"""One in so many is submitted by ``swe-fleet submit``."""
_STOCK = '''\
"""What is in stock."""


def can_ship(have: int, wanted: int) -> bool:
    """Whether so many can be shipped; all that is there may go."""
    return have > wanted
'''
_TEST = """\
from stock import can_ship

assert can_ship(3, 2)
assert can_ship(2, 2), "the last one may go"
assert not can_ship(1, 2)
"""


class Load:
    """Submits, and knows what is still open."""

    def __init__(self, rig: Rig, record: Record, repo: Path, *, seed: int) -> None:
        """``repo`` is the repository of those tasks that have one."""
        self._rig = rig
        self._record = record
        self._repo = repo
        self._rng = random.Random(f"{seed}/{rig.stage.name}/load")
        self.accepted: list[str] = []
        self._closed = 0
        self._queued = 0

    async def run(self) -> None:
        """Submit all of them over the stage's time."""
        stage = self._rig.stage
        began = asyncio.get_running_loop().time()
        with_repo = set(self._rng.sample(range(stage.deliberations), stage.with_repo))
        async with asyncio.TaskGroup() as group:
            for number in range(stage.deliberations):
                due = began + stage.seconds * number / stage.deliberations
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                while len(self.accepted) - self._closed >= _MOST_OPEN:
                    await asyncio.sleep(0.2)
                group.create_task(self._submit(number, has_repo=number in with_repo))

    async def _submit(self, number: int, *, has_repo: bool) -> None:
        """Until it is accepted; the id makes that one deliberation, however often it takes."""
        deliberation_id = f"{self._rig.stage.name}-{number:04}"
        task = Task.model_validate(
            {
                "description": f"Number {number}: say whether the last one in stock may be shipped, and why.",
                "council": {
                    "agents": 3,
                    "rounds": self._rng.choice(self._rig.stage.rounds),
                    "judges": int(number % 10 == 3),
                },
                "budget": {"seconds": 120},
                **(
                    {
                        "repo": str(self._repo),
                        "checks": [{"name": "stock", "command": "python test_stock.py"}],
                    }
                    if has_repo
                    else {}
                ),
            }
        )
        submit = self._by_command if number % _THROUGH_THE_COMMAND_LINE == 7 else self._directly
        while not await submit(deliberation_id, task, number):
            await asyncio.sleep(0.5)
        self.accepted.append(deliberation_id)
        with (self._rig.folder / "accepted.jsonl").open("a") as accepted:
            accepted.write(json.dumps({"deliberation": deliberation_id, "at": time.time()}) + "\n")

    async def _directly(self, deliberation_id: str, task: Task, number: int) -> bool:
        try:
            await self._record.commands.submit(
                Command(
                    deliberation_id=deliberation_id,
                    task=task,
                    seed=number,
                    models=CHAINS,
                    time=datetime.now(UTC),
                )
            )
        except FleetError:
            return False
        return True

    async def _by_command(self, deliberation_id: str, task: Task, number: int) -> bool:
        file = self._rig.folder / f"{deliberation_id}.json"
        file.write_text(task.model_dump_json(exclude_none=True))
        models = [word for chain in CHAINS for word in ("--model", chain)]
        command = python(
            "-m", "swe_ai_fleet", "submit", str(file), "--id", deliberation_id, "--seed", str(number), *models
        )
        log = self._rig.folder / "submit.log"
        process = Process("submit", command, env=self._rig.environment("submit"), log=log)
        await process.start()
        status = await process.wait(120)
        await process.kill()
        return status == 0

    async def watch(self) -> None:
        """Count what is closed and what is queued, whenever the record can be asked."""
        client = await connect(self._rig.servers)
        body = json.dumps({"subjects_filter": "fleet.v1.event.*.closed"}).encode()

        async def state(stream: str, body: bytes = b"") -> Any:
            reply = await client.request(f"$JS.API.STREAM.INFO.{stream}", body, timeout=2)
            return json.loads(reply.data)["state"]

        try:
            while True:
                try:
                    closed = await state("FLEET_EVENTS", body)
                    self._queued = (await state("FLEET_COMMANDS"))["messages"]
                    self._closed = len(closed.get("subjects") or ())
                except (nats.errors.Error, OSError, KeyError):
                    pass
                await asyncio.sleep(0.5)
        finally:
            await client.close()

    async def drained(self, limit_s: float) -> bool:
        """Wait until everything that was accepted is closed, and off the queue; False where the limit ends first.

        A worker that died between the two left its command to be handed out once more, which takes ``ack_wait``.
        """
        try:
            async with asyncio.timeout(limit_s):
                while self._closed < len(self.accepted) or self._queued:
                    await asyncio.sleep(0.2)
        except TimeoutError:
            return False
        return True


@asynccontextmanager
async def open_load(rig: Rig, *, seed: int) -> AsyncIterator[Load]:
    """The streams are declared when this opens."""
    options = NatsOptions(url=rig.urls, replicas=rig.stage.servers, connect_s=60)
    async with open_nats_record(options) as record:
        repo = rig.folder / "stockroom"
        await _make_repository(repo)
        load = Load(rig, record, repo, seed=seed)
        watching = asyncio.ensure_future(load.watch())
        try:
            yield load
        finally:
            watching.cancel()


async def _make_repository(folder: Path) -> None:
    folder.mkdir()
    (folder / "stock.py").write_text(_STOCK)
    (folder / "test_stock.py").write_text(_TEST)
    commit = "-c user.name=chaos -c user.email=chaos@example.org commit -q -m stock"
    for words in ("init -q", "add .", commit):
        process = await asyncio.create_subprocess_exec("git", *words.split(), cwd=folder)
        if await process.wait():
            msg = f"git {words} failed in {folder}"
            raise RuntimeError(msg)


def describe(stage: Stage) -> str:
    """One line for people."""
    where = "a cluster of 3 servers" if stage.servers == 3 else "one server"
    agents = "on Ray" if stage.ray else "in the workers"
    return (
        f"{stage.name}: {stage.deliberations} deliberations, {len(stage.strikes)} strikes over {stage.seconds:g} s;"
        f" {where}, {stage.workers} workers, agents {agents}"
    )
