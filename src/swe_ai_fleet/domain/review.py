"""A peer's remarks on a proposal."""

from typing import Annotated, Literal

from pydantic import Field

from swe_ai_fleet.domain.value import Recorded


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
