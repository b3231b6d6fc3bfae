"""The gates: facts about a candidate that no amount of agreement outweighs, cheapest first.

Each counts demerits and keeps the candidates with the fewest. So a gate never empties the set: where nobody
is without demerits it falls back to the best there is and says so (the order follows Agentless, Xia et al.
2024).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swe_ai_fleet.domain.ranking import TierVerdict
from swe_ai_fleet.ranking.candidates import Candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One tier of the decision that filters."""

    name: str
    demerits: Callable[[Candidate], int]
    complaint: str
    """What is true of a candidate with demerits."""
    disqualifies: bool = True
    """Where even the best has demerits, nothing earns the decision."""


def _not_applied(candidate: Candidate) -> int:
    return 0 if candidate.report is not None and candidate.report.applied else 1


def _unparsable(candidate: Candidate) -> int:
    return 0 if candidate.report is None or candidate.report.parses else 1


def _protected(candidate: Candidate) -> int:
    return 0 if candidate.report is None else len(candidate.report.protected_touched)


def _new_failures(candidate: Candidate) -> int:
    return len(candidate.new_failures)


def _unresolved(candidate: Candidate) -> int:
    return len(candidate.unresolved)


def _examples_failed(candidate: Candidate) -> int:
    return candidate.examples_failed


GATES = (
    Gate(name="not_applied", demerits=_not_applied, complaint="does not apply, or was not checked in time"),
    Gate(name="unparsable", demerits=_unparsable, complaint="leaves a file that is not valid syntax"),
    Gate(name="protected", demerits=_protected, complaint="touches a protected path"),
    Gate(name="new_failures", demerits=_new_failures, complaint="breaks what passed on the unchanged commit"),
    Gate(
        name="unresolved",
        demerits=_unresolved,
        complaint="leaves a check failing that failed before",
        disqualifies=False,
    ),
)

EXAMPLES = Gate(
    name="examples_failed",
    demerits=_examples_failed,
    complaint="does not reproduce an example of the task",
    disqualifies=False,
)
"""Where functions were executed and the task's words show examples."""


def demerits(candidate: Candidate, gates: Sequence[Gate]) -> tuple[int, ...]:
    """Of every gate, in order: the smaller, the better; compared from the left."""
    return tuple(gate.demerits(candidate) for gate in gates)


def pass_gates(
    candidates: Sequence[Candidate], gates: Sequence[Gate]
) -> tuple[list[Candidate], tuple[TierVerdict, ...]]:
    """The candidates that every gate keeps, and what each gate did."""
    left = list(candidates)
    tiers = []
    for gate in gates:
        fewest = min((gate.demerits(candidate) for candidate in left), default=0)
        kept = [candidate for candidate in left if gate.demerits(candidate) == fewest]
        tiers.append(
            TierVerdict(
                tier=gate.name,
                kept=tuple(candidate.id for candidate in kept),
                fell_back=fewest > 0,
                note=_note(gate, fewest, len(left) - len(kept)),
            )
        )
        left = kept
    return left, tuple(tiers)


def _note(gate: Gate, fewest: int, dropped: int) -> str:
    if fewest:
        return f"every candidate {gate.complaint}; the best has {fewest}"
    return f"{dropped} dropped: {gate.complaint}" if dropped else ""
