"""The actor's class without a cluster: what it validates, asks and records."""

import asyncio
import inspect
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from swe_ai_fleet.domain.events import AgentFailed, Proposed
from swe_ai_fleet.domain.outcome import Answered, Crashed
from swe_ai_fleet.errors import InputError, UnreachableError
from swe_ai_fleet.messaging.in_memory import open_in_memory_record
from swe_ai_fleet.models.simulated.faults import Fault, FaultPlan
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits
from swe_ai_fleet.orchestrator.agents.kept_record import KeptRecord
from swe_ai_fleet.orchestrator.agents.vllm_agent_ray import VLLMAgentJob, _VLLMAgentJob
from swe_ai_fleet.ports.record import Record

NATS = "nats://127.0.0.1:4222"


class Shared:
    """One record for several openers, and how often it was opened."""

    def __init__(self, record: Record, *, failures: int = 0) -> None:
        self.record = record
        self.opened = 0
        self.closed = 0
        self._failures = failures

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Record]:
        self.opened += 1
        if self.opened <= self._failures:
            raise UnreachableError("NATS", NATS, "Start it.")
        yield self.record
        self.closed += 1


@pytest.fixture
async def server() -> AsyncIterator[SimulatedModelServer]:
    async with SimulatedModelServer() as server:
        yield server


@pytest.fixture
async def shared() -> AsyncIterator[Shared]:
    async with open_in_memory_record() as record:
        yield Shared(record)


@pytest.fixture
async def job(server: SimulatedModelServer, shared: Shared) -> AsyncIterator[_VLLMAgentJob]:
    job = _VLLMAgentJob(NATS, "dev-1", "DEV", server.url, "simulated", open_record=shared.open)
    yield job
    await job.__ray_shutdown__()


def run(job: _VLLMAgentJob, *arguments: Any, **named: Any) -> Any:
    """The method as a plain coroutine; Ray's mark on it is for the cluster."""
    return _VLLMAgentJob.run_async(job, *arguments, **named)


async def test_the_answer_is_recorded_before_it_is_returned(job: _VLLMAgentJob, shared: Shared) -> None:
    outcome = await run(job, "t1", "Name the risks.", {"rubric": "brief"}, num_agents=4)
    assert isinstance(outcome, Answered)
    [event] = await shared.record.events.history("t1")
    assert isinstance(event, Proposed)
    assert event.proposal == outcome.proposal
    assert (event.task_id, event.num_agents, event.round, event.attempt) == ("t1", 4, 0, 1)
    assert (event.agent_id, event.role, event.model) == ("dev-1", "DEV", "vllm:simulated")


async def test_many_calls_share_one_record_and_go_side_by_side(
    job: _VLLMAgentJob, shared: Shared, server: SimulatedModelServer
) -> None:
    server.traits = Traits(first_token_s=0.2)
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(run(job, f"t{n}", "Name the risks.", {})) for n in range(50)]
    assert all(isinstance(call.result(), Answered) for call in calls)
    assert shared.opened == 1
    assert server.counts.most_open > 40


async def test_a_repeated_call_is_answered_from_the_record(
    job: _VLLMAgentJob, server: SimulatedModelServer
) -> None:
    first = await run(job, "t1", "Name the risks.", {})
    assert await run(job, "t1", "Name the risks.", {}, attempt=2) == first
    assert server.counts.requests == 1


async def test_diversity_changes_the_question(job: _VLLMAgentJob, server: SimulatedModelServer) -> None:
    asked: list[str] = []

    def hear(request: Any) -> str:
        asked.append(request.prompt)
        return "Three."

    server.script = hear
    await run(job, "t1", "Name the risks.", {})
    await run(job, "t2", "Name the risks.", {}, True)
    assert asked[0] != asked[1]


async def test_a_model_that_fails_is_an_honest_ending(
    job: _VLLMAgentJob, shared: Shared, server: SimulatedModelServer
) -> None:
    server.faults = FaultPlan.always(Fault.FILTERED)
    outcome = await run(job, "t1", "Name the risks.", {})
    assert isinstance(outcome, Crashed)
    assert outcome.error == "filtered"
    [event] = await shared.record.events.history("t1")
    assert isinstance(event, AgentFailed)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"nats_url": "http://nats:4222"}, "nats_url"),
        ({"vllm_url": "nowhere"}, "vllm_url"),
        ({"agent_id": "a b"}, "agent.agent_id"),
        ({"max_tokens": 0}, "max_tokens"),
    ],
)
def test_a_wrong_argument_is_named_by_the_constructor(changed: dict[str, Any], field: str) -> None:
    valid = {
        "nats_url": NATS,
        "agent_id": "dev-1",
        "role": "DEV",
        "vllm_url": "http://localhost:8000",
        "model": "tiny",
    }
    with pytest.raises(InputError) as raised:
        _VLLMAgentJob(**{**valid, **changed})
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("task_id", "constraints", "field"),
    [("a.b", {}, "task.id"), ("t1", {"rubrik": 1}, "constraints.rubrik")],
)
async def test_a_wrong_call_is_named(
    job: _VLLMAgentJob, shared: Shared, task_id: str, constraints: Any, field: str
) -> None:
    with pytest.raises(InputError) as raised:
        await run(job, task_id, "Name the risks.", constraints)
    assert raised.value.field == field
    assert shared.opened == 0


def test_the_actor_has_the_public_name_and_its_limits() -> None:
    assert callable(VLLMAgentJob.remote)
    names = list(inspect.signature(_VLLMAgentJob).parameters)
    assert names[:7] == ["nats_url", "agent_id", "role", "vllm_url", "model", "temperature", "max_tokens"]
    assert list(inspect.signature(_VLLMAgentJob.run_async).parameters)[1:5] == [
        "task_id",
        "task",
        "constraints",
        "diversity",
    ]
    limits = VLLMAgentJob._default_options  # type: ignore[attr-defined]
    assert limits["max_task_retries"] == 0
    assert limits["max_concurrency"] == 256
    assert limits["max_pending_calls"] == 1024


def test_the_job_module_imports_ray_only_when_the_actor_is_asked_for() -> None:
    code = (
        "import sys, swe_ai_fleet.orchestrator.ray_jobs as jobs; assert 'ray' not in sys.modules;"
        "jobs.VLLMAgentBase; assert 'ray' not in sys.modules; jobs.VLLMAgentJob.remote; print('ray' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=50, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("True", 0), done.stderr


async def test_a_record_that_cannot_be_opened_is_tried_anew_by_the_next_call(shared: Shared) -> None:
    flaky = Shared(shared.record, failures=1)
    kept = KeptRecord(flaky.open)
    with pytest.raises(UnreachableError):
        await kept.get()
    assert await kept.get() is shared.record
    await kept.close()
    assert (flaky.opened, flaky.closed) == (2, 1)


async def test_a_cancelled_caller_does_not_take_the_record_from_the_others(shared: Shared) -> None:
    kept = KeptRecord(shared.open)
    first, second = asyncio.ensure_future(kept.get()), asyncio.ensure_future(kept.get())
    await asyncio.sleep(0)
    first.cancel()
    assert await second is shared.record
    await kept.close()
    await kept.close()
    assert (shared.opened, shared.closed) == (1, 1)
