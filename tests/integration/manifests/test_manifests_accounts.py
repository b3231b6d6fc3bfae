"""NATS with the accounts of the manifests: each component can do its work, and nothing else."""

import asyncio
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from nats_accounts import API_OF_OTHERS, COMPONENTS, K8S, Accounts, nats_with_accounts, program
from nats_server import nats_binary, running_nats_server
from story import Story

from swe_ai_fleet.domain.reliability import Mark, ReliabilityBook, Report
from swe_ai_fleet.errors import RecordDeniedError, UnreachableError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import stream_declarations
from swe_ai_fleet.ports.record import Command

pytestmark = pytest.mark.nats


@pytest.fixture(scope="module")
def accounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Accounts]:
    with nats_with_accounts(tmp_path_factory.mktemp("accounts")) as running:
        asyncio.run(declare_twice(running))
        yield running


async def declare_twice(accounts: Accounts) -> None:
    """Declaring again changes nothing."""
    for outcome in ("created", "unchanged"):
        lines = await accounts.declare(readers={"audit": "fleet.v1.event.accounts-4.>"})
        assert [line.rpartition(": ")[2] for line in lines[:6]] == [outcome] * 6


def story(name: str) -> Story:
    return Story(deliberation_id=name)


async def test_a_worker_runs_a_deliberation_that_a_submitter_asked_for(accounts: Accounts) -> None:
    told = story("accounts-1")
    async with accounts.record("submitter") as submitter, accounts.record("worker") as worker:
        command = Command(deliberation_id="accounts-1", task=told.task, seed=7, time=told.requested().time)
        await submitter.commands.submit(command)
        assert await submitter.commands.find("accounts-1") == command
        delivery = await worker.commands.next(wait_s=5)
        assert delivery is not None
        for event in (told.requested(), told.started()):
            await worker.events.publish(event)
        async with submitter.events.follow("accounts-1") as events:
            assert (await anext(events)).type == "requested"
            await submitter.events.publish(told.cancelled())
        assert [event.type for event in await worker.events.history("accounts-1")][-1] == "cancel_requested"
        await delivery.ack()


async def test_an_agent_puts_its_own_answer_on_the_record_large_ones_included(accounts: Accounts) -> None:
    told = story("accounts-2")
    async with accounts.record("agent") as agent, accounts.record("worker") as worker:
        await agent.events.publish(told.proposed(0))
        await agent.events.publish(told.proposed(1, "x" * 300_000))
        await agent.events.publish(told.failed(2))
        await agent.events.publish(told.learnt(0))
        stored = await worker.events.history("accounts-2")
        assert await agent.events.history("accounts-2") == stored
        async with agent.events.follow("accounts-2") as peers:
            assert await anext(peers) == stored[0]
    assert [event.type for event in stored] == ["proposed", "proposed", "agent_failed", "learnt"]
    assert stored[1] == told.proposed(1, "x" * 300_000)


async def test_a_letter_that_a_worker_gave_up_goes_back_at_a_submitters_wish(accounts: Accounts) -> None:
    told = story("accounts-3")
    command = Command(deliberation_id="accounts-3", task=told.task, seed=7, time=told.requested().time)
    async with accounts.record("submitter") as submitter, accounts.record("worker") as worker:
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


async def test_a_submitter_reports_how_a_decision_turned_out_and_a_worker_reads_it(
    accounts: Accounts,
) -> None:
    report = Report(marks=(Mark(whose="agent/m/DEV/dev-1", was_right=True),), at=story("r").requested().time)
    async with accounts.record("submitter") as submitter, accounts.record("worker") as worker:
        change = partial(ReliabilityBook.with_report, about="d1/dev-1.0", report=report)
        changed = await submitter.reliability.change("DEV-code", change)
        assert await worker.reliability.get("DEV-code") == changed


async def test_a_reader_pulls_from_the_durable_that_was_declared_for_it(accounts: Accounts) -> None:
    told = story("accounts-4")
    async with accounts.record("worker") as worker:
        await worker.events.publish(told.requested())
    async with accounts.client("consumer") as reader:
        stream = reader.client.jetstream(prefix=API_OF_OTHERS)
        subscription = await stream.pull_subscribe_bind("audit", "FLEET_EVENTS")
        [message] = await subscription.fetch(1, timeout=5)
        assert message.subject == "fleet.v1.event.accounts-4.requested"
        await message.ack_sync()


async def test_an_agent_shares_what_it_learnt_and_hears_its_peers(accounts: Accounts) -> None:
    told = story("accounts-6")
    async with accounts.record("worker") as worker, accounts.record("agent") as agent:
        await worker.events.publish(told.requested())
        async with agent.events.follow("accounts-6") as events:
            assert (await anext(events)).type == "requested"
            await agent.events.publish(told.learnt(0))
            assert (await anext(events)).type == "learnt"


@pytest.mark.parametrize("component", ["agent", "consumer"])
async def test_no_answer_can_be_had_sent_elsewhere(accounts: Accounts, component: str) -> None:
    """Who asks names the subject that the answer goes to; a copied event must not become another one."""
    async with accounts.record("worker") as worker, accounts.client(component) as connected:
        await worker.events.publish(story(f"accounts-7-{component}").requested())
        ask = f"{API_OF_OTHERS}.DIRECT.GET.FLEET_EVENTS"
        for reply in (
            f"fleet.v1.event.forged-{component}.closed",
            "fleet.v1.command.deliberate.DEV",
            "$JS.API.STREAM.PURGE.FLEET_EVENTS",
            "_INBOX_worker.x",
        ):
            await connected.client.publish(ask, b'{"seq":1}', reply=reply)
        answer = await connected.client.request(ask, b'{"seq":1}', timeout=5)
        assert answer.headers is not None, "what was asked before it has been answered too"
        assert await worker.events.history(f"forged-{component}") == []
        assert len(await worker.events.history(f"accounts-7-{component}")) == 1
        assert await worker.commands.next(wait_s=0.2) is None


EVENT = "fleet.v1.event.d1"
FORBIDDEN = {
    "worker": [
        "$KV.fleet_reliability.DEV-code",
        "fleet.v1.command.deliberate.DEV",
        "$JS.API.STREAM.PURGE.FLEET_EVENTS",
        "$JS.API.STREAM.DELETE.FLEET_COMMANDS",
        "$JS.API.STREAM.MSG.DELETE.FLEET_EVENTS",
        "$JS.API.STREAM.UPDATE.FLEET_EVENTS",
        "$JS.API.CONSUMER.CREATE.FLEET_COMMANDS.thief",
        "$JS.API.DIRECT.GET.FLEET_DEAD_LETTERS",
    ],
    "agent": [
        "$KV.fleet_reliability.DEV-code",
        f"{EVENT}.closed",
        f"{EVENT}.ranked",
        f"{EVENT}.checked.0.dev-1",
        "fleet.v1.command.deliberate.DEV",
        "$KV.fleet_deliberations.d1",
        "$JS.API.CONSUMER.MSG.NEXT.FLEET_COMMANDS.workers",
        "$JS.API.DIRECT.GET.FLEET_DEAD_LETTERS",
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
        "$JS.fleet.API.DIRECT.GET.FLEET_DEAD_LETTERS",
        "$JS.fleet.API.CONSUMER.CREATE.FLEET_COMMANDS.thief",
        "$JS.fleet.API.CONSUMER.CREATE.FLEET_EVENTS.push",
        "$JS.fleet.API.CONSUMER.DURABLE.CREATE.FLEET_EVENTS.push",
        "$JS.fleet.API.CONSUMER.DELETE.FLEET_EVENTS.audit",
        "$JS.fleet.API.STREAM.PURGE.FLEET_EVENTS",
        "$JS.fleet.API.STREAM.DELETE.FLEET_EVENTS",
        "$O.fleet_blobs.C.x",
    ],
    "backup": [
        f"{EVENT}.closed",
        "fleet.v1.command.deliberate.DEV",
        "$JS.API.STREAM.PURGE.FLEET_EVENTS",
        "$JS.API.STREAM.DELETE.FLEET_EVENTS",
        "$JS.API.STREAM.UPDATE.FLEET_EVENTS",
        "$JS.API.CONSUMER.MSG.NEXT.FLEET_COMMANDS.workers",
    ],
}


@pytest.mark.parametrize("component", COMPONENTS)
async def test_what_is_not_its_work_is_refused_within_a_second(accounts: Accounts, component: str) -> None:
    async with accounts.client(component) as connected:
        for subject in FORBIDDEN[component]:
            began = time.monotonic()
            await connected.client.publish(subject, b"{}")
            await connected.client.flush()
            refusal = await connected.refused.get()
            assert "permissions violation for publish" in refusal
            assert subject.lower() in refusal
            assert time.monotonic() - began < 1


@pytest.mark.parametrize("component", COMPONENTS)
async def test_replies_to_others_cannot_be_overheard(accounts: Accounts, component: str) -> None:
    async with accounts.client(component) as connected:
        for other in {*COMPONENTS} - {component}:
            await connected.client.subscribe(f"_INBOX_{other}.>")
            await connected.client.flush()
            refusal = await connected.refused.get()
            assert "permissions violation for subscription" in refusal


async def test_the_fleet_itself_names_what_its_credentials_may_not_do(accounts: Accounts) -> None:
    async with accounts.record("agent") as agent:
        began = time.monotonic()
        with pytest.raises(
            RecordDeniedError, match=r"may not publish fleet\.v1\.event\.accounts-5\.requested"
        ):
            await agent.events.publish(story("accounts-5").requested())
        assert time.monotonic() - began < 1


async def test_the_next_key_of_each_component_is_valid_already(accounts: Accounts) -> None:
    for component in COMPONENTS:
        async with accounts.client(component, seed=accounts.next_seeds[component]) as connected:
            await connected.client.flush()


def test_permissions_name_only_declared_streams() -> None:
    text = (K8S / "base/nats/accounts.conf").read_text()
    declared = {config["name"] for config in stream_declarations()}
    assert set(re.findall(r"\b(?:FLEET|KV|OBJ)_\w+", text)) <= declared


async def test_tls_with_the_certificate_that_make_secrets_makes(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl: apt-get install openssl")
    made = program(K8S / "make_secrets.py").new_certificates()["nats-tls"]
    for name, content in made.items():
        (tmp_path / name).write_text(content)
    config = (K8S / "components/tls/tls.conf").read_text().replace("/etc/nats-tls", str(tmp_path))
    async with running_nats_server(tmp_path, config) as server:
        url = server.url.replace("nats://127.0.0.1", "tls://localhost")
        async with open_nats_record(NatsOptions(url=url, tls_ca_file=tmp_path / "ca.crt")) as record:
            await record.events.publish(story("tls-1").requested())
            assert len(await record.events.history("tls-1")) == 1
        with pytest.raises(UnreachableError, match="certificate"):
            async with open_nats_record(NatsOptions(url=url, connect_s=2)):
                pass


@pytest.mark.parametrize("overlay", ["base", "production"])
def test_the_server_takes_its_whole_configuration(tmp_path: Path, overlay: str) -> None:
    secrets = program(K8S / "make_secrets.py")
    (tmp_path / "nkeys.conf").write_text(secrets.new_secrets()["nats-accounts"]["nkeys.conf"])
    files = {path.name: path for path in (K8S / "base/nats").glob("*.conf")}
    if overlay == "production":
        if shutil.which("openssl") is None:
            pytest.skip("needs openssl: apt-get install openssl")
        files |= {
            "tls.conf": K8S / "components/tls/tls.conf",
            "cluster.conf": K8S / "overlays/production/cluster.conf",
        }
        for name, content in secrets.new_certificates()["nats-tls"].items():
            (tmp_path / name).write_text(content)
    for name, path in files.items():
        text = path.read_text().replace("/etc/nats-tls", str(tmp_path)).replace('"/data"', f'"{tmp_path}"')
        (tmp_path / name).write_text(text.replace("/run/nats", str(tmp_path)))
    command = [nats_binary(), "-t", "-c", str(tmp_path / "nats.conf")]
    environment = {"POD_NAME": "nats-0", "STORE_LIMIT": "8GiB"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
