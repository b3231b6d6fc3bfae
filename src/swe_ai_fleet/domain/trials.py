"""What runs of proposed checks show, case by case.

A case counts only if it fails on the unchanged commit and passes on some answer: one that passes before proves
nothing, and one that nobody passes is most likely wrong.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from swe_ai_fleet.domain.check import CheckStatus, Trial
from swe_ai_fleet.domain.council import BASE_AGENT
from swe_ai_fleet.domain.deliberation import Deliberation


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedCase:
    """One case of proposed checks, over all its runs."""

    name: str
    fails_before: bool
    passed_by: frozenset[str]
    """Proposal ids."""

    @property
    def counts(self) -> bool:
        """It shows something."""
        return self.fails_before and bool(self.passed_by)


def tried_cases(trials: Sequence[Trial]) -> list[TriedCase]:
    """Every case of proposed checks, sorted by name; none where the unchanged commit gave no verdict.

    A case that the unchanged commit did not come to, because the file cannot be imported there, fails on it. Runs
    that are no verdict say nothing.
    """
    said = {trial.on: trial for trial in trials if trial.is_verdict}
    base = said.pop(BASE_AGENT, None)
    if base is None:
        return []
    unknown = "failed" if base.status is CheckStatus.FAILED else "skipped"
    return [
        TriedCase(
            name=name,
            fails_before=base.cases.get(name, unknown) == "failed",
            passed_by=frozenset(on for on, trial in said.items() if trial.cases.get(name) == "passed"),
        )
        for name in sorted({name for trial in (base, *said.values()) for name in trial.cases})
    ]


def trials_of(state: Deliberation, proposal_id: str, *, open_round: int | None = None) -> list[Trial]:
    """The runs of proposed checks in the rounds that count, in their order, one for each thing they ran on.

    Args:
        state: a deliberation that was requested.
        proposal_id: of the checks.
        open_round: also what is there of this round.
    """
    found: dict[str, Trial] = {}
    for (round_, pid), event in sorted(state.tried.items()):
        cut = state.rounds.get(round_)
        is_counted = round_ == open_round if cut is None else pid in cut.tried
        if pid == proposal_id and is_counted:
            for trial in event.report.trials or ():
                found.setdefault(trial.on, trial)
    return list(found.values())


def missed_by(state: Deliberation, proposal_id: str) -> dict[str, tuple[str, ...]]:
    """By id of proposed checks: their counting cases that an answer was tried on and does not pass."""
    missed: dict[str, tuple[str, ...]] = {}
    for checks in state.counted_checks():
        trials = trials_of(state, checks.proposal_id)
        if any(trial.on == proposal_id for trial in trials):
            cases = tried_cases(trials)
            names = tuple(c.name for c in cases if c.counts and proposal_id not in c.passed_by)
            missed |= {checks.proposal_id: names} if names else {}
    return missed
