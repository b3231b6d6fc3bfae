"""What answering does with the record; the endings themselves are in the contract of the pools."""

import asyncio
from collections.abc import Sequence

import pytest
from assignments import assignment, critique_step, revise_step, spec, text_brief
from behaving_agents import BehavingAgent, build_behaving

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.events import AgentFailed, Event
from swe_ai_fleet.domain.outcome import Answered, Crashed, Refused, Reviewed, TimedOut
from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.errors import (
    InputError,
    ModelTimeoutError,
    RecordUnavailableError,
    SandboxError,
    SandboxUnavailableError,
)
from swe_ai_fleet.messaging.in_memory import InMemoryEventLog
from swe_ai_fleet.orchestrator.agents.answering import answer, failure_of, recorded_outcome
from swe_ai_fleet.orchestrator.agents.leases import AgentLeases
from swe_ai_fleet.orchestrator.agents.parsing import UnusableAnswerError
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.ports.record import Published

CLOCK = SystemClock()


class SlowLog(InMemoryEventLog):
    """Acknowledges only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = asyncio.Event()
        self.may_acknowledge = asyncio.Event()

    async def publish(self, event: Event) -> Published:
        self.asked.set()
        await self.may_acknowledge.wait()
        return await super().publish(event)


class AbsentLog(InMemoryEventLog):
    """A record that is away."""

    async def publish(self, event: Event) -> Published:
        raise RecordUnavailableError("nobody there")

    async def history(self, deliberation_id: str) -> Sequence[Event]:
        raise RecordUnavailableError("nobody there")


class TimingOut(BehavingAgent):
    async def _behave(self, assignment: Assignment) -> None:
        raise ModelTimeoutError("vllm:tiny", "no byte within 1 s")


async def test_nothing_is_returned_before_it_is_acknowledged() -> None:
    log = SlowLog()
    answering = asyncio.ensure_future(answer(BehavingAgent(spec()), assignment(), events=log, clock=CLOCK))
    await log.asked.wait()
    await asyncio.sleep(0)
    assert not answering.done()
    log.may_acknowledge.set()
    assert isinstance(await answering, Answered)


async def test_an_answer_that_was_paid_for_is_recorded_though_its_caller_has_gone() -> None:
    log = SlowLog()
    answering = asyncio.ensure_future(answer(BehavingAgent(spec()), assignment(), events=log, clock=CLOCK))
    await log.asked.wait()
    answering.cancel()
    await asyncio.sleep(0)
    log.may_acknowledge.set()
    with pytest.raises(asyncio.CancelledError):
        await answering
    assert len(await log.history("d1")) == 1


async def test_a_record_that_never_answers_does_not_hold_a_cancelled_call() -> None:
    log = SlowLog()
    answering = asyncio.ensure_future(answer(BehavingAgent(spec()), assignment(), events=log, clock=CLOCK))
    await log.asked.wait()
    answering.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(asyncio.CancelledError):
            await answering


async def test_an_answer_that_cannot_be_recorded_is_no_answer() -> None:
    with pytest.raises(RecordUnavailableError):
        await answer(BehavingAgent(spec()), assignment(), events=AbsentLog(), clock=CLOCK)


async def test_a_repeated_failure_is_not_tried_again() -> None:
    log = InMemoryEventLog()
    refused = await answer(
        BehavingAgent(spec()), assignment(brief=text_brief("refuse")), events=log, clock=CLOCK
    )
    again = assignment(attempt=2)
    assert await answer(BehavingAgent(spec()), again, events=log, clock=CLOCK) == refused
    assert isinstance(refused, Refused)


async def test_the_record_tells_apart_agents_rounds_and_steps() -> None:
    log = InMemoryEventLog()
    reviewing = critique_step("ada")
    for asked in (assignment(), assignment(reviewing), assignment(revise_step())):
        assert await recorded_outcome(asked, log) is None
        outcome = await answer(BehavingAgent(asked.agent), asked, events=log, clock=CLOCK)
        assert await recorded_outcome(asked, log) == outcome
    assert await recorded_outcome(assignment(agent=spec("dev-2")), log) is None
    assert isinstance(await recorded_outcome(assignment(reviewing), log), Reviewed)


async def test_a_models_own_limit_is_a_crash_and_the_deadline_is_not() -> None:
    log = InMemoryEventLog()
    early = await answer(TimingOut(spec()), assignment(), events=log, clock=CLOCK)
    assert isinstance(early, Crashed)
    assert early.error == "timeout"
    late = await answer(
        BehavingAgent(spec("dev-2")),
        assignment(agent=spec("dev-2"), brief=text_brief("sleep 9"), seconds=0.05),
        events=log,
        clock=CLOCK,
    )
    assert isinstance(late, TimedOut)


def test_errors_end_as_what_they_are() -> None:
    unusable = UnusableAnswerError("vllm:tiny", "noise, twice")
    unusable.usage, unusable.attempts = Usage(requests=2), 2
    asked = assignment()
    assert failure_of(unusable, asked) == Crashed(
        reason=str(unusable), error="malformed", attempts=2, usage=Usage(requests=2)
    )
    assert isinstance(failure_of(SandboxUnavailableError("weak"), asked), Refused)
    assert isinstance(failure_of(InputError("model", "x", "is unknown", "Name another."), asked), Refused)
    crashed = failure_of(SandboxError("it broke"), asked)
    assert isinstance(crashed, Crashed)
    assert crashed.error == "sandbox"


async def test_a_failure_carries_the_declared_model_and_the_attempt() -> None:
    log = InMemoryEventLog()
    asked = assignment(brief=text_brief("defect"), attempt=3)
    await answer(BehavingAgent(spec()), asked, events=log, clock=CLOCK)
    [event] = await log.history("d1")
    assert isinstance(event, AgentFailed)
    assert (event.model, event.attempt) == ("vllm:simulated", 3)


class Closing(BehavingAgent):
    closed: list[str]

    async def close(self) -> None:
        self.closed.append(self.spec.agent_id)


async def test_leases_share_agents_and_close_what_nobody_uses() -> None:
    Closing.closed = []
    leases = AgentLeases(Closing, keep=1)
    first = leases.take(spec("a"))
    assert leases.take(spec("a")) is first
    await leases.give_back(spec("a"))
    for agent_id in ("b", "c"):
        leases.take(spec(agent_id))
        await leases.give_back(spec(agent_id))
    assert Closing.closed == ["b"]
    await leases.give_back(spec("a"))
    assert Closing.closed == ["b", "c"]
    await leases.close()
    assert sorted(Closing.closed) == ["a", "b", "c"]


def test_agents_that_ask_models_are_shared_over_seeds_and_searching_ones_are_not() -> None:
    leases = AgentLeases(BehavingAgent)
    asking = spec("a")
    assert leases.take(asking) is leases.take(asking.model_copy(update={"seed": asking.seed + 1}))
    assert leases.take(asking) is not leases.take(asking.model_copy(update={"temperature": 0.1}))
    searching = asking.model_copy(update={"model": f"{asking.model}|offline:repair"})
    assert leases.take(searching) is not leases.take(searching.model_copy(update={"seed": asking.seed + 1}))


def test_an_agent_that_cannot_be_built_is_not_kept() -> None:
    leases = AgentLeases(build_behaving)
    for _ in range(2):
        with pytest.raises(InputError):
            leases.take(spec(model="offline:missing"))
