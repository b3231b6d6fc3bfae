"""Peers' remarks on proposals, and what judges said of two of them side by side."""

from typing import Annotated, Literal

from pydantic import Field

from swe_ai_fleet.domain.value import Recorded

Preference = Literal["first", "second", "tie"]


class Critique(Recorded):
    """One reviewer's structured remarks on one proposal of another agent."""

    proposal_id: str
    """What is reviewed."""
    reviewer_id: str
    verdict: Literal["accept", "revise", "reject"]
    score: Annotated[float, Field(ge=0, le=1)]
    """How likely the reviewer thinks it is that the proposal is right."""
    defects: tuple[str, ...] = ()
    """What is wrong, most serious first."""
    suggestion: str = ""
    """The one change that would help most."""


class Showing(Recorded):
    """One question to one judge: two answers in this order, without names."""

    judge: str
    """Agent id."""
    first: str
    """Proposal id, or the id of a planted answer."""
    second: str
    turn: int = 0
    """0 for the first time; a pair that was answered differently in its two orders may be shown once more."""


class Ballot(Recorded):
    """What came of a showing."""

    showing: Showing
    preferred: Preference | None
    """None where the answer held no valid verdict."""
