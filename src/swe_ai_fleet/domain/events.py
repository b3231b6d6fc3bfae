"""What happened, in the past tense: the only source from which a deliberation is rebuilt.

The key of an event, ``(type, round, agent_id)``, is unique within its deliberation: a second event
with the same key is a duplicate of the first, whatever it carries.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.council import Council
from swe_ai_fleet.domain.lesson import Lesson
from swe_ai_fleet.domain.outcome import DeliberationOutcome, Failure
from swe_ai_fleet.domain.proposal import Proposal, Usage
from swe_ai_fleet.domain.ranking import Ranking, Result
from swe_ai_fleet.domain.review import Ballot, Critique
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.domain.value import Recorded


class _Event(Recorded):
    deliberation_id: str
    task_id: str
    num_agents: int
    round: int = 0
    attempt: int = 1
    """Which try of the work this was; never part of the event's identity."""
    time: datetime
    """When it happened, UTC."""
    traceparent: str | None = None
    """W3C trace context of the work that caused it."""

    @property
    def key(self) -> tuple[str, int, str]:
        """Type, round and agent: unique within the deliberation."""
        return (self.type, self.round, "")  # type: ignore[attr-defined]  # every event has one


class _AgentEvent(_Event):
    agent_id: str
    role: str
    model: str

    @property
    def key(self) -> tuple[str, int, str]:
        """Type, round and agent: unique within the deliberation."""
        return (self.type, self.round, self.agent_id)  # type: ignore[attr-defined]  # every event has one


class Requested(_Event):
    """A task was accepted."""

    type: Literal["requested"] = "requested"
    task: Task
    council: Council
    seed: int
    repo: RepoRef | None = None


class Started(_Event):
    """The work began; deadlines count from ``time``."""

    type: Literal["started"] = "started"
    notes: tuple[str, ...] = ()
    reliability: dict[str, float] = Field(default_factory=dict)
    """Vote weights that this deliberation decides with, by agent id; 1 where an agent is missing."""
    judges: dict[str, float] = Field(default_factory=dict)
    """The same of what agents say about the answers of others."""


class Proposed(_AgentEvent):
    """An agent answered in round 0."""

    type: Literal["proposed"] = "proposed"
    proposal: Proposal


class Critiqued(_AgentEvent):
    """An agent reviewed its peers, or, in the round after the last one, judged their answers in pairs."""

    type: Literal["critiqued"] = "critiqued"
    critiques: tuple[Critique, ...]
    ballots: tuple[Ballot, ...] = ()
    """One for every question that a judge answered; of questions to other judges none counts."""
    usage: Usage = Usage()


class Revised(_AgentEvent):
    """An agent answered again after remarks."""

    type: Literal["revised"] = "revised"
    proposal: Proposal


class Checked(_AgentEvent):
    """A proposal was applied and the checks were run; ``agent_id`` is its author, or ``base``.

    Of proposed checks there is one a round: ``report.trials`` has their runs on that round's answers.
    """

    type: Literal["checked"] = "checked"
    report: CheckReport


class AgentFailed(_AgentEvent):
    """An agent's attempt in this round ended without an answer."""

    type: Literal["agent_failed"] = "agent_failed"
    failure: Failure


class Learnt(_AgentEvent):
    """What a searching agent found out about its part, for its peers; the decision does not read it."""

    type: Literal["learnt"] = "learnt"
    lesson: Lesson


class RoundClosed(_Event):
    """The cut of a round: only what it names counts in the decision; what comes later is recorded, not ranked."""

    type: Literal["round_closed"] = "round_closed"
    included: tuple[str, ...]
    """Proposal ids of this round that count, sorted."""
    checked: tuple[str, ...]
    """Those of them whose check report counts, sorted."""
    tried: tuple[str, ...] = ()
    """Ids of proposed checks whose report of this round counts, sorted."""
    missing: tuple[str, ...] = ()
    """Agent ids without an answer in this round, sorted."""
    left_out: tuple[str, ...] = ()
    """Agent ids that were not asked in this round, because the decision needed no more; sorted."""
    heard: tuple[str, ...] | None = None
    """Agent ids whose remarks or ballots of this round count, sorted; None on old records, where all do."""
    reason: str = ""


class Ranked(_Event):
    """The proposals were ranked."""

    type: Literal["ranked"] = "ranked"
    ranking: Ranking


class CancelRequested(_Event):
    """Somebody asked to stop."""

    type: Literal["cancel_requested"] = "cancel_requested"
    reason: str = ""


class Closed(_Event):
    """The end; there is exactly one."""

    type: Literal["closed"] = "closed"
    outcome: DeliberationOutcome
    result: Result


Event = Annotated[
    Requested
    | Started
    | Proposed
    | Critiqued
    | Revised
    | Checked
    | AgentFailed
    | Learnt
    | RoundClosed
    | Ranked
    | CancelRequested
    | Closed,
    Field(discriminator="type"),
]
event_adapter: TypeAdapter[Event] = TypeAdapter(Event)

EVENT_TYPES = (
    "requested",
    "started",
    "proposed",
    "critiqued",
    "revised",
    "checked",
    "agent_failed",
    "learnt",
    "round_closed",
    "ranked",
    "cancel_requested",
    "closed",
)
