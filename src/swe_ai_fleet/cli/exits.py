"""Exit codes, in one place: what a shell script may rely on."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING

from swe_ai_fleet.errors import (
    AgentRefusedError,
    BudgetError,
    FleetError,
    GivenUpError,
    InputError,
    ModelRequestError,
    RecordConflictError,
    RecordNotFoundError,
)

if TYPE_CHECKING:
    from swe_ai_fleet.domain.outcome import DeliberationOutcome


class Exit(IntEnum):
    """How ``swe-fleet`` ends."""

    DECIDED = 0
    """The deliberation was decided, or the command did what it says."""
    DEFECT = 1
    """A defect of the fleet itself."""
    BAD_INPUT = 2
    """What was given is wrong; the message names the field and the line."""
    NO_DECISION = 3
    """The deliberation ended without a decision, or was cancelled by somebody else."""
    UNREACHABLE = 4
    """Something that is needed cannot be reached or is not there; the message says how to start it."""
    INTERRUPTED = 130
    """Ctrl-C; what was running is cancelled on the record."""


EPILOG = (
    "Exit codes: 0 decided or done; 2 bad input; 3 ended without a decision; 4 something needed is unreachable; "
    "130 interrupted; 1 a defect of the fleet."
)

_BAD_INPUT = (InputError, BudgetError, RecordNotFoundError, RecordConflictError, ModelRequestError)


def exit_of(error: FleetError) -> Exit:
    """The code of an error that ends a command: the user's to correct, or something that is not there."""
    if isinstance(error, _BAD_INPUT):
        return Exit.BAD_INPUT
    if isinstance(error, GivenUpError):
        return Exit.BAD_INPUT if error.refused else Exit.NO_DECISION
    if isinstance(error, AgentRefusedError):
        return Exit.NO_DECISION
    return Exit.UNREACHABLE


def exit_of_outcome(outcome: "DeliberationOutcome") -> Exit:
    """The code of a deliberation that ended."""
    return Exit.DECIDED if outcome.value == "decided" else Exit.NO_DECISION


def fleet_error_in(error: BaseException) -> FleetError | None:
    """The error raised on purpose that a group of tasks ended with, or None where there is something else in it."""
    if isinstance(error, FleetError):
        return error
    if not isinstance(error, BaseExceptionGroup):
        return None
    found = [fleet_error_in(inner) for inner in error.exceptions]
    return None if None in found else found[0]


@contextmanager
def ungrouped() -> Iterator[None]:
    """Errors raised on purpose leave it as themselves, whatever group of tasks they were raised in."""
    try:
        yield
    except BaseExceptionGroup as group:
        error = fleet_error_in(group)
        if error is None:
            raise
        raise error from group
