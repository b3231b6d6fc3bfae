"""Agents that do what the task tells them, in whichever process they are built."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from swe_ai_fleet.domain.brief import Assignment, CritiqueStep, JudgeStep, ProposeStep, ReviseStep
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.domain.outcome import Reviewed
from swe_ai_fleet.domain.proposal import Proposal, proposal_id
from swe_ai_fleet.domain.review import Ballot, Critique
from swe_ai_fleet.errors import AgentRefusedError, InputError, ModelServerError, PatchError, UnreachableError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.orchestrator.agents.kept_record import OpenRecord
from swe_ai_fleet.orchestrator.agents.vllm_agent_base import VLLMAgentBase
from swe_ai_fleet.ports.findings import Findings
from swe_ai_fleet.ports.record import EventLog, Published, Record

_ERRORS: dict[str, BaseException] = {
    "refuse": AgentRefusedError("There is no failing check.", "Add one."),
    "model-error": ModelServerError("vllm:tiny", "it is on fire"),
    "patch-error": PatchError("hunk 1 does not apply"),
    "defect": ZeroDivisionError("nobody thought of this"),
    "cancelled": asyncio.CancelledError(),
}


class BehavingAgent:
    """The description of the task is a word and perhaps a folder: ``die-once /tmp/...``."""

    def __init__(self, spec: AgentSpec) -> None:
        self.spec = spec

    async def propose(self, assignment: Assignment, step: ProposeStep, _findings: Findings, /) -> Proposal:
        await self._behave(assignment)
        return self._proposal(assignment, None)

    async def revise(self, assignment: Assignment, step: ReviseStep) -> Proposal:
        await self._behave(assignment)
        return self._proposal(assignment, step.parent.proposal_id)

    async def critique(self, assignment: Assignment, step: CritiqueStep) -> Reviewed:
        await self._behave(assignment)
        return Reviewed(
            critiques=tuple(
                Critique(
                    proposal_id=proposal.proposal_id,
                    reviewer_id=self.spec.agent_id,
                    verdict="accept",
                    score=1.0,
                )
                for proposal in step.proposals
            )
        )

    async def judge(self, assignment: Assignment, step: JudgeStep) -> Reviewed:
        await self._behave(assignment)
        return Reviewed(ballots=tuple(Ballot(showing=one, preferred="tie") for one in step.showings))

    async def close(self) -> None:
        pass

    def _proposal(self, assignment: Assignment, parent_id: str | None) -> Proposal:
        return Proposal(
            proposal_id=proposal_id(self.spec.agent_id, assignment.round),
            agent_id=self.spec.agent_id,
            role=self.spec.role,
            model=self.spec.model,
            round=assignment.round,
            parent_id=parent_id,
            content=f"answered by {os.getpid()} in attempt {assignment.attempt}",
        )

    async def _behave(self, assignment: Assignment) -> None:
        word, _, argument = assignment.brief.task.description.partition(" ")
        if (error := _ERRORS.get(word)) is not None:
            raise error
        marks = Path(argument)
        match word:
            case "sleep":
                await asyncio.sleep(float(argument))
            case "count":
                _mark(marks, f"asked-{assignment.attempt}")
            case "hang":
                await self._hang(marks)
            case "die":
                _die()
            case "die-once":
                if _mark(marks, "died"):
                    _die()
            case _:
                pass

    async def _hang(self, marks: Path) -> None:
        _mark(marks, "began")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            _mark(marks, "cancelled")
            raise


def _mark(folder: Path, name: str) -> bool:
    """Leave a file that other processes see; False where it was there."""
    is_new = not (folder / name).exists()
    (folder / name).touch()
    return is_new


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def build_behaving(spec: AgentSpec) -> BehavingAgent:
    """Makes the agent of that declaration; one of the model ``offline:missing`` cannot be made."""
    if spec.model == "offline:missing":
        raise InputError("model", spec.model, "there is no such agent", "Take another.")
    return BehavingAgent(spec)


def vllm_builder(url: str) -> Callable[[AgentSpec], VLLMAgentBase]:
    """Makes plain agents that ask the server at ``url``."""
    return partial(_build_vllm, url)


def _build_vllm(url: str, spec: AgentSpec) -> VLLMAgentBase:
    return VLLMAgentBase(
        spec.agent_id, spec.role, url, "simulated", temperature=spec.temperature, seed=spec.seed
    )


class _DyingLog:
    """Stores the first event, and dies before it says so."""

    def __init__(self, inner: EventLog, marks: Path) -> None:
        self._inner = inner
        self._marks = marks
        self.history = inner.history
        self.follow = inner.follow

    async def publish(self, event: Event) -> Published:
        published = await self._inner.publish(event)
        if _mark(self._marks, "died"):
            _die()
        return published


@asynccontextmanager
async def open_dying_record(url: str, marks: Path) -> AsyncIterator[Record]:
    """A record on NATS whose process dies, once, between storing an event and telling of it."""
    async with open_nats_record(NatsOptions(url=url)) as record:
        yield replace(record, events=_DyingLog(record.events, marks))


@asynccontextmanager
async def open_distant_record(url: str, marks: Path) -> AsyncIterator[Record]:
    """A record on NATS that cannot be reached while there is a file ``away``."""
    if (marks / "away").exists():
        raise UnreachableError("NATS", url, "Wait.")
    async with open_nats_record(NatsOptions(url=url)) as record:
        yield record


def nats_opener(url: str) -> OpenRecord:
    """Opens the record at ``url``."""
    return partial(open_nats_record, NatsOptions(url=url))
