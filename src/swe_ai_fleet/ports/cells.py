"""The matrix of programs and calls: what each program answers to each call, run untrusted and in bulk."""

from collections.abc import AsyncGenerator, Sequence
from typing import Annotated, Literal, Protocol

from pydantic import Field

from swe_ai_fleet.domain.value import Value


class Program(Value):
    """One candidate as a Python module of its own."""

    source: str
    entry_point: str
    """The function that is called."""


class Call(Value):
    """Arguments of the entry point, as the text between the brackets: ``[1, 2], k=3``. Python literals only."""

    arguments: str


class CellLimits(Value):
    """The caps of one cell, and of one process that runs many."""

    cell_s: Annotated[float, Field(gt=0)] = 0.1
    """CPU seconds of one call; ten times that in wall-clock time."""
    load_s: Annotated[float, Field(gt=0)] = 1.0
    """CPU seconds of executing a program's own top level, before its first call."""
    memory_bytes: Annotated[int, Field(gt=0)] = 512 * 1024**2
    """Address space of one program's process."""
    output_chars: Annotated[int, Field(gt=0)] = 4096
    """A longer canonical output is cut, and its digest is put behind it."""
    timeouts: Annotated[int, Field(ge=1)] = 10
    """After so many of a program's calls have timed out, its other calls are taken to time out as well."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of ``random`` and of hashing; two runs with different seeds show what is not deterministic."""


class CellResult(Value):
    """What one program answered to one call."""

    program: int
    """Its place in the sequence that was given."""
    call: int
    """Its place in the sequence that was given."""
    status: Literal["ok", "raised", "timeout", "killed"]
    """``killed``: its process ended by itself, by a signal or by a limit other than time."""
    output: str | None = None
    """The canonical text of the value, equal for equal values of the same types; the exception's type for ``raised``;
    None otherwise, and for a value that has no canonical text (an object of a class of its own)."""
    is_none: bool = False
    """The call returned None."""


class CellRunner(Protocol):
    """Runs every program on every call."""

    def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        """Results as they come, each cell once, in no particular order; leaving the iteration kills what runs.

        No program can change another's results, or say anything of its own but by returning it.

        Raises:
            SandboxUnavailableError: nothing strong enough is available.
            SandboxError: the processes that run the cells cannot be started.
        """
        ...
