"""How one agent's attempt ended, and how a deliberation ended: closed unions, no filler."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from swe_ai_fleet.domain.proposal import Proposal, Usage
from swe_ai_fleet.domain.review import Ballot, Critique
from swe_ai_fleet.domain.value import Recorded


class Answered(Recorded):
    """The agent answered and its answer is on the record."""

    kind: Literal["answered"] = "answered"
    proposal: Proposal


class Reviewed(Recorded):
    """The agent reviewed or judged its peers, and what it said is on the record."""

    kind: Literal["reviewed"] = "reviewed"
    critiques: tuple[Critique, ...] = ()
    ballots: tuple[Ballot, ...] = ()
    usage: Usage = Usage()


class TimedOut(Recorded):
    """The deadline passed before the answer came."""

    kind: Literal["timed_out"] = "timed_out"
    after_s: float
    attempts: int = 1


class Crashed(Recorded):
    """The model call or the process that made it failed for good."""

    kind: Literal["crashed"] = "crashed"
    reason: str
    error: str = "error"
    """The stable kind of the failure: "refused", "timeout", "malformed", "actor_died", ..."""
    attempts: int = 1
    usage: Usage = Usage()
    """What the failed attempts cost."""


class Refused(Recorded):
    """The agent cannot serve this task; the reason says what would help."""

    kind: Literal["refused"] = "refused"
    reason: str


class Cancelled(Recorded):
    """Somebody cancelled the deliberation, or the quorum went on without this agent."""

    kind: Literal["cancelled"] = "cancelled"
    reason: str = ""


Failure = Annotated[TimedOut | Crashed | Refused | Cancelled, Field(discriminator="kind")]
Outcome = Annotated[
    Answered | Reviewed | TimedOut | Crashed | Refused | Cancelled, Field(discriminator="kind")
]


class DeliberationOutcome(StrEnum):
    """How a deliberation ended."""

    DECIDED = "decided"
    UNDECIDED = "undecided"
    """It ran its course, but nothing earned the decision: no quorum, or no proposal that may win."""
    FAILED = "failed"
    """It could not run: bad repository, refused by every agent, refused by the budget."""
    CANCELLED = "cancelled"
