"""What one agent is to repair, what it gives back, and how it says that there is nothing."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from swe_ai_fleet.domain.task import Check
from swe_ai_fleet.ports.findings import Findings
from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.choosing import Choice
from swe_ai_fleet.repair.localise import Suspect
from swe_ai_fleet.repair.search import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairJob:
    """What one agent is to repair."""

    folder: Path
    """A private copy of the repository."""
    failing: Sequence[Check]
    """Checks that fail on the unchanged code; all of them must pass in the end."""
    others: Sequence[Check] = ()
    """Checks that pass and must go on passing."""
    description: str
    protected: Sequence[str] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    """What the unchanged commit's report says of each test case, by id: passed, failed, skipped."""
    suite_s: float | None = None
    """Seconds that the failing checks took on the unchanged commit, where that is known."""
    shard: int = 0
    shards: int = 1
    deadline: float
    """On the event loop's clock."""
    findings: Findings | None = None
    """Between the agents that search the other parts; None where nobody listens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A patch that passed, and what led to it."""

    patch: str
    """Unified diff, as ``git apply`` takes it."""
    chosen: Choice
    plausible: int
    """How many candidates passed what could see them, the chosen one included."""
    suspects: tuple[Suspect, ...]
    failing: tuple[str, ...]
    """Tests or checks that failed and pass now."""
    tally: Tally
    verified: bool
    """The whole suite and all other checks passed after a fresh import; False: there was no time for it."""


class NothingFoundError(Exception):
    """The search ended without anything that may be proposed."""

    def __init__(self, reason: str, tally: Tally | None = None, suspects: Sequence[Suspect] = ()) -> None:
        """Say why, with what was tried."""
        super().__init__(reason)
        self.reason = reason
        self.tally = tally
        self.suspects = tuple(suspects)


def tried_in_vain(tally: Tally, suspects: Sequence[Suspect], *, broke: int = 0) -> NothingFoundError:
    """What was tried where, for people; ``broke``: candidates that pass what fails, but break something else."""
    where = ", ".join(f"{s.source.path}:{s.statement.lineno}" for s in suspects[:3]) or "nowhere"
    files = len({suspect.source.path for suspect in suspects})
    result = f"the {broke} that repair it break other tests" if broke else "none passes"
    reason = (
        f"{tally.singles} single edits and {tally.pairs} pairs at {len(suspects)} suspected statements of {files} "
        f"files were tried in {tally.seconds:.0f} s, and {result}; most suspected: {where}"
    )
    return NothingFoundError(reason, tally, suspects[:10])


def belongs_to(job: RepairJob) -> Callable[[Candidate], bool]:
    """Whether a candidate is in this agent's part."""

    def belongs(candidate: Candidate) -> bool:
        return candidate.belongs_to(job.shard, job.shards)

    return belongs
