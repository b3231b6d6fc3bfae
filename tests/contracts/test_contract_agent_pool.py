"""What every pool of agents promises, in this process and on Ray."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from assignments import assignment, critique_step, proposal, revise_step, spec, text_brief
from behaving_agents import build_behaving, nats_opener
from local_ray import local_ray
from nats_server import running_nats_server

from swe_ai_fleet.domain.events import AgentFailed, Critiqued, Event, Proposed, Revised
from swe_ai_fleet.domain.outcome import Answered, Crashed, Refused, Reviewed, TimedOut
from swe_ai_fleet.execution.in_process import InProcessAgentPool
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_pool import RayAgentPool
from swe_ai_fleet.messaging.in_memory import open_in_memory_record
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.ports.agents import AgentPool
from swe_ai_fleet.ports.record import EventLog

pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """A pool that works for all tests, and a deliberation of each test's own."""

    pool: AgentPool
    events: EventLog
    deliberation_id: str

    async def ask(self, description: str, **fields: Any) -> Any:
        step = fields.pop("step", None)
        own: dict[str, Any] = {"deliberation_id": self.deliberation_id, "brief": text_brief(description)}
        return await self.pool.ask(assignment(step, **own, **fields))

    async def recorded(self) -> list[Event]:
        return list(await self.events.history(self.deliberation_id))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with local_ray():
        yield


@pytest.fixture(
    params=["in_process", pytest.param("ray", marks=[pytest.mark.ray, pytest.mark.nats])], scope="module"
)
def kind(request: pytest.FixtureRequest) -> str:
    if request.param == "ray":
        request.getfixturevalue("cluster")
    return str(request.param)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def opened(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[AgentPool, EventLog]]:
    if kind == "in_process":
        async with (
            open_in_memory_record() as record,
            InProcessAgentPool.open(
                build_agent=build_behaving, events=record.events, clock=SystemClock()
            ) as here,
        ):
            yield here, record.events
        return
    async with (
        running_nats_server(tmp_path_factory.mktemp("nats")) as server,
        open_nats_record(NatsOptions(url=server.url)) as record,
        RayAgentPool.open(
            RayOptions(actors=1),
            build_agent=build_behaving,
            open_record=nats_opener(server.url),
            events=record.events,
            clock=SystemClock(),
        ) as there,
    ):
        yield there, record.events


@pytest.fixture
def setup(opened: tuple[AgentPool, EventLog]) -> Setup:
    pool, events = opened
    return Setup(pool=pool, events=events, deliberation_id=f"d-{secrets.token_hex(4)}")


async def test_an_answer_is_on_the_record_before_it_is_returned(setup: Setup) -> None:
    outcome = await setup.ask("answer")
    assert isinstance(outcome, Answered)
    [event] = await setup.recorded()
    assert isinstance(event, Proposed)
    assert event.proposal == outcome.proposal
    assert (event.agent_id, event.role, event.model) == ("dev-1", "DEV", "vllm:simulated")
    assert (event.task_id, event.num_agents, event.attempt) == ("reorder", 3, 1)


async def test_a_review_is_on_the_record(setup: Setup) -> None:
    outcome = await setup.ask("answer", step=critique_step("ada", "bob"))
    assert isinstance(outcome, Reviewed)
    [event] = await setup.recorded()
    assert isinstance(event, Critiqued)
    assert event.critiques == outcome.critiques


async def test_a_revision_is_on_the_record(setup: Setup) -> None:
    outcome = await setup.ask("answer", step=revise_step())
    [event] = await setup.recorded()
    assert isinstance(event, Revised)
    assert isinstance(outcome, Answered)
    assert event.proposal.parent_id == proposal("dev-1").proposal_id


@pytest.mark.parametrize(
    ("description", "ending", "error"),
    [
        ("refuse", Refused, None),
        ("model-error", Crashed, "server_error"),
        ("patch-error", Crashed, "patch"),
        ("defect", Crashed, "defect"),
    ],
)
async def test_a_failure_is_a_value_and_on_the_record(
    setup: Setup, description: str, ending: type, error: str | None
) -> None:
    outcome = await setup.ask(description)
    assert isinstance(outcome, ending)
    assert getattr(outcome, "error", None) == error
    [event] = await setup.recorded()
    assert isinstance(event, AgentFailed)
    assert event.failure == outcome


async def test_an_agent_that_cannot_be_built_has_refused(setup: Setup) -> None:
    outcome = await setup.ask("answer", agent=spec(model="offline:missing"))
    assert isinstance(outcome, Refused)
    assert len(await setup.recorded()) == 1


async def test_the_deadline_ends_it(setup: Setup) -> None:
    assert isinstance(await setup.ask("sleep 30", seconds=0.3), TimedOut)
    [event] = await setup.recorded()
    assert isinstance(event, AgentFailed)


async def test_work_that_is_late_from_the_start_is_not_begun(setup: Setup, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    assert isinstance(await setup.ask(f"count {marks}", seconds=-1), TimedOut)
    assert not list(marks.iterdir())


async def test_a_repeated_attempt_is_not_paid_again(setup: Setup, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    first = await setup.ask(f"count {marks}")
    again = await setup.ask(f"count {marks}", attempt=2)
    assert again == first
    assert len(list(marks.iterdir())) == 1
    assert len(await setup.recorded()) == 1


async def test_of_two_equal_answers_the_first_counts(setup: Setup) -> None:
    first = await setup.ask("answer")
    assert await setup.ask("sleep 0.01") == first
    assert len(await setup.recorded()) == 1


async def test_cancelling_reaches_the_agent(setup: Setup, tmp_path: Path) -> None:
    marks = tmp_path / "marks"
    marks.mkdir()
    asking = asyncio.ensure_future(setup.ask(f"hang {marks}"))
    await until(marks / "began")
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await until(marks / "cancelled")
    assert await setup.recorded() == []


async def test_agents_work_side_by_side(setup: Setup) -> None:
    specs = [spec(f"dev-{number}") for number in range(20)]
    began = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        asked = [group.create_task(setup.ask("sleep 0.3", agent=agent)) for agent in specs]
    assert asyncio.get_running_loop().time() - began < 20 * 0.3
    assert all(isinstance(task.result(), Answered) for task in asked)
    assert {event.agent_id for event in await setup.recorded() if isinstance(event, Proposed)} == {
        agent.agent_id for agent in specs
    }


async def until(mark: Path) -> None:
    async with asyncio.timeout(20):
        while not mark.exists():  # noqa: ASYNC110, ASYNC240 - another process leaves it
            await asyncio.sleep(0.01)
