"""Evidence: what the sandbox saw when a proposal was applied and the task's checks were run."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from swe_ai_fleet.domain.value import Recorded


class CheckStatus(StrEnum):
    """How one check ended."""

    PASSED = "passed"
    FAILED = "failed"
    """It ran and said no."""
    ERROR = "error"
    """It could not run: command missing, killed by a limit other than time, sandbox failure."""
    TIMEOUT = "timeout"


class CheckResult(Recorded):
    """One check's verdict on one proposal, or on the base commit."""

    name: str
    status: CheckStatus
    exit_code: int | None = None
    """None where a limit or a signal ended it."""
    duration_s: float = 0.0
    cases: dict[str, Literal["passed", "failed", "skipped"]] = Field(default_factory=dict)
    """Verdict of each test case by its id, where the check is a test runner that names them; else empty."""
    output_tail: str = ""
    """The last 8 KiB of what it printed, for people and for agents."""


class Trial(Recorded):
    """One run of proposed checks, on the unchanged commit or on one answer."""

    on: str
    """Proposal id of the answer, or ``base``."""
    status: CheckStatus
    """``passed`` and ``failed`` are verdicts; any other run says nothing."""
    cases: dict[str, Literal["passed", "failed", "skipped"]] = Field(default_factory=dict)
    """Verdict of each test case by its id; on the base, a case whose two runs differ is ``skipped``."""
    note: str = ""
    """Why the run says nothing, where it does."""

    @property
    def is_verdict(self) -> bool:
        """The run came to its end."""
        return self.status in (CheckStatus.PASSED, CheckStatus.FAILED)


class CheckReport(Recorded):
    """All that was seen of one proposal."""

    proposal_id: str
    """``base`` for the unchanged commit."""
    applied: bool
    """False: the proposal could not become one patch; ``reason`` says why and nothing was run."""
    reason: str = ""
    patch: str | None = None
    """The proposal as one unified diff against the task's commit, as ``git apply`` takes it."""
    patch_key: str | None = None
    """Equal for patches that differ only in comments, blank space and hunk positions; the key of deduplication."""
    parses: bool = True
    """False: a changed Python file is not valid syntax."""
    protected_touched: tuple[str, ...] = ()
    """Changed files that match a protected glob."""
    results: tuple[CheckResult, ...] = ()
    """In the order of the task's checks."""
    flaky: tuple[str, ...] = ()
    """On the base report only: cases and checks whose two runs differ."""
    containment: str = ""
    """How the sandbox held it, for the record: "bubblewrap", "namespaces+landlock", ..."""
    outputs: dict[str, str] = Field(default_factory=dict)
    """By input, the arguments as source: what the function returned, as canonical text. An input is missing where it
    raised, took too long, returned what has no such text, or did not do the same twice. Of proposed checks, and under
    ``base`` of the examples in the task's words: what they expect."""
    trials: tuple[Trial, ...] | None = None
    """On the report of proposed checks of a repository: their runs on the unchanged commit and on the answers of the
    event's round; None on every other report."""

    def failures(self) -> frozenset[str]:
        """What did not pass, as ``check`` for a check without named cases and ``check::case`` for a case."""
        failed: set[str] = set()
        for result in self.results:
            named = {
                f"{result.name}::{case}" for case, verdict in result.cases.items() if verdict == "failed"
            }
            failed |= named
            if result.status is not CheckStatus.PASSED and not named:
                failed.add(result.name)
        return frozenset(failed)

    def count(self, *statuses: CheckStatus) -> int:
        """How many checks ended in one of these ways."""
        return sum(result.status in statuses for result in self.results)
