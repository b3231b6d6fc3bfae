"""What one agent of a searching council can teach the others."""

from typing import Annotated

from pydantic import Field

from swe_ai_fleet.domain.value import Recorded


class PartialFix(Recorded):
    """One edit that does not repair by itself, but got on; two of them may."""

    file: str
    """Relative to the repository's root, with forward slashes."""
    start: Annotated[int, Field(ge=0)]
    """Place of the replaced text in the file, in characters."""
    end: Annotated[int, Field(ge=0)]
    """Behind the replaced text."""
    text: str
    """What stands there instead."""
    line: Annotated[int, Field(ge=1)]
    """First line of the suspected statement."""
    family: str
    """Kind of edit."""
    cost: float
    """Minus a logarithm of how likely it is, as a part of a repair; lower is more likely."""
    killed_by: str
    """The test that decided against it; empty where it ran out of time before any did."""
    got_on: bool
    """It passed the first test that fails without it."""


class Lesson(Recorded):
    """What a search of one part of the space has shown."""

    tried: Annotated[int, Field(ge=0)]
    """Edits of its part."""
    kills: dict[str, int] = Field(default_factory=dict)
    """How many edits each test has decided against, by test id."""
    promising: tuple[PartialFix, ...] = ()
    """The best parts of a repair that it met, most promising first."""
