"""Real workers that die or are overtaken in the middle of their work; an independent checker reads what is left."""

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from chaos.checker import Evidence, answers, gather_evidence, violations
from chaos.load import Load, open_load
from chaos.plan import Stage
from chaos.rig import Rig, Worker, open_rig

pytestmark = [pytest.mark.nats, pytest.mark.slow, pytest.mark.timeout(480)]
COUNT = 20
LIMIT_S = 180.0


@asynccontextmanager
async def stage(folder: Path, *, first_token_s: float) -> AsyncIterator[tuple[Rig, Load]]:
    """A fleet without workers, with models that fail at nothing and take their time."""
    plan = Stage(name="council", deliberations=COUNT, with_repo=0, seconds=1, rounds=(1,))
    async with open_rig(plan, folder / "rig") as rig, open_load(rig, seed=1) as load:
        for model in rig.models:
            await model.tell(json.dumps({"faults": {}, "traits": {"first_token_s": first_token_s}}))
        yield rig, load


async def reached(rig: Rig, there: Callable[[Evidence], bool]) -> Evidence:
    """The evidence, once it shows this."""
    async with asyncio.timeout(LIMIT_S):
        while True:
            evidence = await evidence_of(rig)
            if there(evidence):
                return evidence
            await asyncio.sleep(0.5)


async def evidence_of(rig: Rig) -> Evidence:
    return await gather_evidence(rig.folder, [server.url for server in rig.servers])


def count(evidence: Evidence, kind: str) -> int:
    return sum(event.type == kind for event in evidence.events)


def asked(evidence: Evidence) -> int:
    return len(evidence.calls)


async def ended(rig: Rig, load: Load) -> Evidence:
    """What is left when all is closed and the workers have left; nothing of it may be broken."""
    assert await load.drained(LIMIT_S)
    await rig.stop_workers()
    evidence = await evidence_of(rig)
    assert {name: cases for name, cases in violations(evidence).items() if cases} == {}
    assert count(evidence, "closed") == COUNT
    return evidence


async def start(rig: Rig) -> Worker:
    worker = await rig.add_worker("--concurrency", str(COUNT))
    await rig.working(worker)
    return worker


async def test_a_worker_killed_in_round_1_of_20_deliberations_costs_only_the_calls_under_way(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, first_token_s=2.0) as (rig, load):
        worker = await start(rig)
        await load.run()
        await reached(rig, lambda seen: count(seen, "round_closed") >= COUNT)
        await reached(rig, lambda seen: asked(seen) >= 4 * COUNT)
        worker.is_struck = True
        killed = time.time()
        await worker.process.kill()
        await start(rig)
        evidence = await ended(rig, load)
    stored = answers(evidence)
    calls = [(call.key, call.at) for call in evidence.calls if call.key and call.key[3] != "judge"]
    under_way = sum(at <= killed < stored.get(key, killed + 1) for key, at in calls)
    beyond = len(calls) - len({key for key, _ in calls})
    assert 0 < under_way <= 3 * COUNT
    assert beyond <= under_way


async def test_two_workers_given_the_same_deliberations_by_a_redelivery_close_each_once(
    tmp_path: Path,
) -> None:
    async with stage(tmp_path, first_token_s=5.0) as (rig, load):
        paused = await start(rig)
        await load.run()
        held = await reached(rig, lambda seen: count(seen, "started") == COUNT)
        paused.is_struck = True
        paused.process.signal(signal.SIGSTOP)
        await start(rig)
        await reached(rig, lambda seen: asked(seen) >= asked(held) + COUNT)
        paused.process.signal(signal.SIGCONT)
        evidence = await ended(rig, load)
    pids = {(ack["deliberation"], ack["pid"]) for ack in evidence.acks}
    both = Counter(deliberation for deliberation, _ in pids)
    assert max(both.values()) == 2
