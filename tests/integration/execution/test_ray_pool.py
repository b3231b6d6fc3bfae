"""The pool on a real Ray: actors die, calls are cancelled, placements cannot be had; calls end honestly."""

import asyncio
import os
import secrets
import signal
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import ray
from assignments import assignment, spec, text_brief
from behaving_agents import build_behaving, nats_opener, open_distant_record, open_dying_record, vllm_builder

from swe_ai_fleet.domain.events import AgentFailed, Proposed
from swe_ai_fleet.domain.outcome import Answered, Cancelled, Crashed, TimedOut
from swe_ai_fleet.errors import InputError, PlacementError, UnreachableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_pool import RayAgentPool
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock

pytestmark = [pytest.mark.ray, pytest.mark.nats, pytest.mark.asyncio(loop_scope="module")]


def open_pool(nats: Any, *, build: Any = build_behaving, opener: Any = None, **options: Any) -> Any:
    return RayAgentPool.open(
        RayOptions(**options),
        build_agent=build,
        open_record=opener or nats_opener(nats.url),
        events=nats.events,
        clock=SystemClock(),
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pool(cluster: str, nats: Any) -> AsyncIterator[RayAgentPool]:
    async with open_pool(nats, actors=2) as opened:
        yield opened


@pytest.fixture
def marks(tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    return folder


def told(description: str, **fields: Any) -> Any:
    own = {"deliberation_id": f"d-{secrets.token_hex(4)}", "brief": text_brief(description)}
    return assignment(**{**own, **fields})


async def test_an_actor_that_dies_under_a_call_is_asked_again_elsewhere(
    pool: RayAgentPool, nats: Any, marks: Path
) -> None:
    asked = told(f"die-once {marks}")
    outcome = await pool.ask(asked)
    assert isinstance(outcome, Answered)
    assert "attempt 2" in outcome.proposal.content
    [event] = await nats.events.history(asked.deliberation_id)
    assert isinstance(event, Proposed)
    assert event.attempt == 2


async def test_an_agent_that_kills_every_actor_ends_as_crashed(
    pool: RayAgentPool, nats: Any, marks: Path
) -> None:
    asked = told(f"die {marks}", seconds=40)
    outcome = await pool.ask(asked)
    assert isinstance(outcome, Crashed)
    assert (outcome.error, outcome.attempts) == ("actor_died", 3)
    [event] = await nats.events.history(asked.deliberation_id)
    assert isinstance(event, AgentFailed)
    assert event.failure == outcome


async def test_the_pool_works_on_after_its_actors_have_died(pool: RayAgentPool) -> None:
    outcomes = [await pool.ask(told("answer", agent=spec(f"dev-{n}"))) for n in range(4)]
    assert all(isinstance(outcome, Answered) for outcome in outcomes)


async def test_an_answer_that_an_actor_recorded_before_it_died_is_not_paid_again(
    cluster: str, nats: Any, marks: Path
) -> None:
    asked = told("answer")
    opener = partial(open_dying_record, nats.url, marks)
    async with open_pool(nats, opener=opener, actors=1) as pool:
        outcome = await pool.ask(asked)
    assert isinstance(outcome, Answered)
    assert "attempt 1" in outcome.proposal.content
    assert len(await nats.events.history(asked.deliberation_id)) == 1


async def test_an_actor_that_comes_back_before_the_record_waits_for_it(
    cluster: str, nats: Any, marks: Path
) -> None:
    async with open_pool(nats, opener=partial(open_distant_record, nats.url, marks), actors=1) as pool:
        (marks / "away").touch()
        asking = asyncio.ensure_future(pool.ask(told(f"die-once {marks}", seconds=60)))
        async with asyncio.timeout(30):
            while pool._roster.up:  # noqa: ASYNC110 - a state of the pool, not an event
                await asyncio.sleep(0.01)
        (marks / "away").unlink()
        assert isinstance(await asking, Answered)


async def test_an_actor_that_was_killed_for_good_is_replaced(cluster: str, nats: Any) -> None:
    async with open_pool(nats, actors=1) as pool:
        [place] = pool._roster.places
        ray.kill(place.handle)
        assert isinstance(await pool.ask(told("answer")), Answered)


async def test_an_actor_that_hangs_does_not_hold_the_call(pool: RayAgentPool) -> None:
    outcome = await pool.ask(told("answer"))
    assert isinstance(outcome, Answered)
    pid = int(outcome.proposal.content.split()[2])
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(30):
            agents = [spec(f"dev-{number}", model="offline:spread") for number in range(4)]
            asking = [
                asyncio.ensure_future(pool.ask(told("answer", seconds=5, agent=agent))) for agent in agents
            ]
            outcomes = [await call for call in asking]
    finally:
        os.kill(pid, signal.SIGCONT)
    assert sum(isinstance(outcome, TimedOut) for outcome in outcomes) == 2


async def test_cancelling_a_call_closes_the_connection_to_the_model(cluster: str, nats: Any) -> None:
    async with (
        SimulatedModelServer(traits=Traits(first_token_s=60)) as server,
        open_pool(nats, build=vllm_builder(server.url), actors=1) as pool,
        asyncio.timeout(30),
    ):
        asking = [asyncio.ensure_future(pool.ask(told("answer"))) for _ in range(8)]
        await server.until(lambda counts: counts.open == 8)
        began = asyncio.get_running_loop().time()
        for call in asking:
            call.cancel()
        await server.until(lambda counts: counts.open == 0)
        assert asyncio.get_running_loop().time() - began < 5
        for call in asking:
            with pytest.raises(asyncio.CancelledError):
                await call
        assert server.counts.aborted == 8


async def test_a_call_that_is_cancelled_on_the_cluster_says_so(pool: RayAgentPool) -> None:
    assert isinstance(await pool.ask(told("cancelled")), Cancelled)


async def test_more_calls_than_may_be_pending_wait_for_room(cluster: str, nats: Any) -> None:
    async with open_pool(nats, actors=1, max_pending=4) as pool, asyncio.TaskGroup() as group:
        calls = [group.create_task(pool.ask(told("sleep 0.05"))) for _ in range(30)]
    assert all(isinstance(call.result(), Answered) for call in calls)


async def test_an_actor_that_refuses_more_pending_calls_loses_none_of_them(cluster: str, nats: Any) -> None:
    async with open_pool(nats, actors=2, max_pending=2) as pool:
        pool._roster._max_load = 1000  # so that Ray refuses, not the roster
        async with asyncio.TaskGroup() as group:
            calls = [group.create_task(pool.ask(told("sleep 0.05"))) for _ in range(30)]
    assert all(isinstance(call.result(), Answered) for call in calls)


@pytest.mark.parametrize(
    ("demanded", "told_of"),
    [
        ({"resources": {"H100": 1}}, "H100 1"),
        ({"label_selector": {"pool": "gpu"}}, "label pool=gpu"),
        ({"memory_bytes": 2**50}, "memory"),
    ],
)
async def test_a_placement_that_cannot_be_had_is_an_error_in_seconds(
    cluster: str, nats: Any, demanded: dict[str, Any], told_of: str
) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(PlacementError, match=told_of):
            async with open_pool(nats, placement_timeout_s=0.5, **demanded):
                pass


async def test_a_full_cluster_is_an_error_within_its_limit(cluster: str, nats: Any) -> None:
    async with asyncio.timeout(20):
        with pytest.raises(PlacementError, match="has started within 1 s"):
            async with open_pool(nats, actors=4, num_cpus=4.0, start_timeout_s=1.0):
                pass


async def test_a_record_that_cannot_be_reached_from_the_actors_is_named(cluster: str, nats: Any) -> None:
    with pytest.raises(UnreachableError, match="NATS"):
        async with open_pool(nats, opener=nats_opener("nats://127.0.0.1:9"), actors=1):
            pass


async def test_a_wrong_condition_on_labels_is_named(cluster: str, nats: Any) -> None:
    with pytest.raises(InputError, match=r"label_selector\.pool"):
        async with open_pool(nats, label_selector={"pool": "in("}):
            pass
