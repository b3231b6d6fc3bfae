"""What a harness says: values, errors, and one message read from it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from swe_ai_fleet.errors import SandboxError
from swe_ai_fleet.ports.checks import SandboxProcess
from swe_ai_fleet.repair.candidates import Candidate

Verdict = Literal["pass", "fail", "slow", "died", "same", "bad", "fresh"]
"""``same``: behaves like one that was tried; ``bad``: not valid Python; ``fresh``: needs a new import."""


class HarnessError(SandboxError):
    """The harness cannot serve this suite, or has stopped answering; the message says why."""


class UnimportableError(HarnessError):
    """Parts of the suite cannot be imported.

    Attributes:
        where: the first of them, as its framework names it.
        frames: file and line of its stack, outermost first, the repository's own files only.
    """

    def __init__(self, where: str, error: str, frames: tuple[tuple[str, int], ...]) -> None:
        """Keep the place apart from the message."""
        super().__init__(f"{where} cannot be imported: {error}")
        self.where = where
        self.error = error
        self.frames = frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One candidate and what came of it."""

    candidate: Candidate
    verdict: Verdict
    test: int | None
    """The test that decided it: failed in, ran out of time in, died in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The suite as the harness has it."""

    tests: tuple[str, ...]
    errors: tuple[dict[str, Any], ...]
    """What could not be imported: ``where``, ``error``, ``frames``."""
    threads: int
    """Threads that importing the suite has left running."""
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviours:
    """Outputs of candidates on the same inputs."""

    from_passing: tuple[bool, ...]
    """Of each input, whether a passing test made this very call."""
    outputs: Mapping[int, Sequence[str]]
    """By the candidate's place, -1 for the unchanged code; an output that begins with ``!`` is an exception."""


async def receive(process: SandboxProcess, timeout_s: float) -> dict[str, Any]:
    """The next message.

    Raises:
        HarnessError: there is none, or it is no object.
    """
    try:
        line = await process.receive(timeout_s=timeout_s)
    except TimeoutError as error:
        raise HarnessError(f"the harness has said nothing for {timeout_s:.0f} s") from error
    if not line:
        raise HarnessError("the harness has ended")
    try:
        message = json.loads(line)
    except ValueError as error:
        raise HarnessError("the harness has said something that is not JSON") from error
    if not isinstance(message, dict):
        raise HarnessError("the harness has said something that is not an object")
    return message


def collected(ready: dict[str, Any]) -> Collected:
    """The suite, from a harness's first message."""
    return Collected(
        tests=tuple(ready.get("tests", ())),
        errors=tuple(ready.get("errors", ())),
        threads=ready.get("threads", 0),
        python=ready["python"],
    )
