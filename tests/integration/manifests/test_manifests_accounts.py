"""NATS with the accounts of the manifests: each component can do its work, and nothing else."""

import asyncio
import importlib.util
import json
import shutil
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from nats_process import NatsProcess, nats_process
from pydantic import SecretStr
from story import Story

from swe_ai_fleet.errors import RecordDeniedError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import stream_declarations
from swe_ai_fleet.ports.record import Command, Record

pytestmark = pytest.mark.nats
K8S = Path(__file__).parents[3] / "deploy" / "k8s"
COMPONENTS = ("worker", "agent", "streams", "submitter", "consumer")


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A server with the accounts, and the seeds of all components."""

    server: NatsProcess
    seeds: dict[str, str]
    next_seeds: dict[str, str]

    def options(self, component: str) -> NatsOptions:
        return NatsOptions(
            url=self.server.url,
            nkey_seed=SecretStr(self.seeds[component]),
            inbox_prefix=f"_INBOX_{component}",
            declare_streams=False,
        )


def program(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = tmp_path_factory.mktemp("accounts")
    made = program(K8S / "make_secrets.py").new_secrets()
    (folder / "nkeys.conf").write_text(made["nats-accounts"]["nkeys.conf"])
    shutil.copy(K8S / "base/nats/accounts.conf", folder)
    with nats_process(folder, 'include "accounts.conf"') as server:
        seeds, next_seeds = (
            {name: made[f"nats-{name}"][key] for name in COMPONENTS} for key in ("seed", "seed.next")
        )
        running = Cluster(server=server, seeds=seeds, next_seeds=next_seeds)
        asyncio.run(declare(running))
        yield running


async def declare(cluster: Cluster) -> None:
    """What the job declare-streams does, with its own credentials."""
    declarations = json.loads((K8S / "base/streams/streams.json").read_text())
    async with client(cluster, "streams") as connected:
        job = program(K8S / "base/streams/declare_streams.py")
        first = await job.declare(connected, declarations, replicas=1)
        again = await job.declare(connected, declarations, replicas=1)
    assert [line.rpartition(": ")[2] for line in first[:5]] == ["created"] * 5
    assert [line.rpartition(": ")[2] for line in again[:5]] == ["unchanged"] * 5


@asynccontextmanager
async def client(cluster: Cluster, component: str, *, seed: str | None = None) -> AsyncIterator[Client]:
    refused: asyncio.Queue[str] = asyncio.Queue()

    async def on_error(error: Exception) -> None:
        refused.put_nowait(str(error).lower())

    connected = await nats.connect(
        cluster.server.url,
        nkeys_seed_str=seed or cluster.seeds[component],
        inbox_prefix=f"_INBOX_{component}".encode(),
        error_cb=on_error,
    )
    connected.refused = refused  # type: ignore[attr-defined]  # travels with the connection
    try:
        yield connected
    finally:
        await connected.close()


@asynccontextmanager
async def record(cluster: Cluster, component: str) -> AsyncIterator[Record]:
    async with open_nats_record(cluster.options(component)) as opened:
        yield opened


def story(name: str) -> Story:
    return Story(deliberation_id=name)


async def test_a_worker_runs_a_deliberation_that_a_submitter_asked_for(cluster: Cluster) -> None:
    told = story("accounts-1")
    async with record(cluster, "submitter") as submitter, record(cluster, "worker") as worker:
        command = Command(deliberation_id="accounts-1", task=told.task, seed=7, time=told.requested().time)
        await submitter.commands.submit(command)
        delivery = await worker.commands.next(wait_s=5)
        assert delivery is not None
        for event in (told.requested(), told.started()):
            await worker.events.publish(event)
        async with submitter.events.follow("accounts-1") as events:
            assert (await anext(events)).type == "requested"
            await submitter.events.publish(told.cancelled())
        assert [event.type for event in await worker.events.history("accounts-1")][-1] == "cancel_requested"
        await delivery.ack()


async def test_an_agent_puts_its_own_answer_on_the_record_large_ones_included(cluster: Cluster) -> None:
    told = story("accounts-2")
    async with record(cluster, "agent") as agent, record(cluster, "worker") as worker:
        await agent.events.publish(told.proposed(0))
        await agent.events.publish(told.proposed(1, "x" * 300_000))
        await agent.events.publish(told.failed(2))
        stored = await worker.events.history("accounts-2")
    assert [event.type for event in stored] == ["proposed", "proposed", "agent_failed"]
    assert stored[1] == told.proposed(1, "x" * 300_000)


async def test_a_letter_that_a_worker_gave_up_goes_back_at_a_submitters_wish(cluster: Cluster) -> None:
    told = story("accounts-3")
    command = Command(deliberation_id="accounts-3", task=told.task, seed=7, time=told.requested().time)
    async with record(cluster, "submitter") as submitter, record(cluster, "worker") as worker:
        await submitter.commands.submit(command)
        delivery = await worker.commands.next(wait_s=5)
        assert delivery is not None
        await delivery.term("no such repository")
        [letter] = await submitter.dead_letters.list()
        await submitter.dead_letters.retry(letter.letter_id)
        again = await worker.commands.next(wait_s=5)
        assert again is not None
        assert again.command == command
        await again.ack()


async def test_a_consumer_follows_with_a_durable_of_its_own(cluster: Cluster) -> None:
    told = story("accounts-4")
    async with record(cluster, "worker") as worker:
        await worker.events.publish(told.requested())
    async with client(cluster, "consumer") as reader:
        stream = reader.jetstream()
        subscription = await stream.pull_subscribe(
            "fleet.v1.event.accounts-4.>", "audit", stream="FLEET_EVENTS"
        )
        [message] = await subscription.fetch(1, timeout=5)
        assert message.subject == "fleet.v1.event.accounts-4.requested"
        await message.ack_sync()
        await stream.delete_consumer("FLEET_EVENTS", "audit")


EVENT = "fleet.v1.event.d1"
FORBIDDEN = {
    "worker": [
        "fleet.v1.command.deliberate.DEV",
        "$JS.API.STREAM.PURGE.FLEET_EVENTS",
        "$JS.API.STREAM.DELETE.FLEET_COMMANDS",
        "$JS.API.STREAM.MSG.DELETE.FLEET_EVENTS",
        "$JS.API.STREAM.UPDATE.FLEET_EVENTS",
        "$JS.API.CONSUMER.CREATE.FLEET_COMMANDS.thief",
        "$JS.API.DIRECT.GET.FLEET_DEAD_LETTERS",
    ],
    "agent": [
        f"{EVENT}.closed",
        f"{EVENT}.ranked",
        f"{EVENT}.checked.0.dev-1",
        "fleet.v1.command.deliberate.DEV",
        "$KV.fleet_deliberations.d1",
        "$JS.API.CONSUMER.MSG.NEXT.FLEET_COMMANDS.workers",
        "$JS.API.DIRECT.GET.FLEET_EVENTS",
        "$JS.API.STREAM.PURGE.FLEET_EVENTS",
    ],
    "streams": [
        f"{EVENT}.closed",
        "fleet.v1.command.deliberate.DEV",
        "$JS.API.STREAM.DELETE.FLEET_EVENTS",
        "$JS.API.STREAM.PURGE.FLEET_EVENTS",
        "$JS.API.DIRECT.GET.FLEET_EVENTS",
        "$JS.API.CONSUMER.MSG.NEXT.FLEET_COMMANDS.workers",
    ],
    "submitter": [
        f"{EVENT}.closed",
        f"{EVENT}.proposed.0.dev-1",
        "$JS.API.CONSUMER.MSG.NEXT.FLEET_COMMANDS.workers",
        "$JS.API.STREAM.PURGE.FLEET_COMMANDS",
        "$JS.API.STREAM.DELETE.FLEET_EVENTS",
        "$KV.fleet_deliberations.d1",
    ],
    "consumer": [
        f"{EVENT}.closed",
        f"{EVENT}.cancel_requested",
        "fleet.v1.command.deliberate.DEV",
        "$JS.API.DIRECT.GET.FLEET_DEAD_LETTERS",
        "$JS.API.CONSUMER.CREATE.FLEET_COMMANDS.thief",
        "$JS.API.STREAM.PURGE.FLEET_EVENTS",
        "$JS.API.STREAM.DELETE.FLEET_EVENTS",
        "$O.fleet_blobs.C.x",
    ],
}


@pytest.mark.parametrize("component", COMPONENTS)
async def test_what_is_not_its_work_is_refused_within_a_second(cluster: Cluster, component: str) -> None:
    async with client(cluster, component) as connected:
        for subject in FORBIDDEN[component]:
            began = time.monotonic()
            await connected.publish(subject, b"{}")
            await connected.flush()
            refusal: Any = await connected.refused.get()  # type: ignore[attr-defined]  # put there by client()
            assert "permissions violation for publish" in refusal
            assert subject.lower() in refusal
            assert time.monotonic() - began < 1


@pytest.mark.parametrize("component", COMPONENTS)
async def test_replies_to_others_cannot_be_overheard(cluster: Cluster, component: str) -> None:
    async with client(cluster, component) as connected:
        for other in {*COMPONENTS} - {component}:
            await connected.subscribe(f"_INBOX_{other}.>")
            await connected.flush()
            refusal: Any = await connected.refused.get()  # type: ignore[attr-defined]  # put there by client()
            assert "permissions violation for subscription" in refusal


async def test_the_fleet_itself_names_what_its_credentials_may_not_do(cluster: Cluster) -> None:
    async with record(cluster, "agent") as agent:
        began = time.monotonic()
        with pytest.raises(
            RecordDeniedError, match=r"may not publish fleet\.v1\.event\.accounts-5\.requested"
        ):
            await agent.events.publish(story("accounts-5").requested())
        assert time.monotonic() - began < 1


async def test_the_next_key_of_each_component_is_valid_already(cluster: Cluster) -> None:
    for component in COMPONENTS:
        async with client(cluster, component, seed=cluster.next_seeds[component]) as connected:
            await connected.flush()


def test_permissions_name_only_declared_streams() -> None:
    text = (K8S / "base/nats/accounts.conf").read_text()
    declared = {config["name"] for config in stream_declarations()}
    for line in text.splitlines():
        for part in line.strip().strip('"').split("."):
            assert not part.startswith(("FLEET_", "KV_", "OBJ_")) or part in declared
