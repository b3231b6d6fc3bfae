"""Reproduction tests: proposed tests that show the defect, and so the repair.

A test counts only if it fails on the unchanged commit and passes on some candidate: one that passes before
proves nothing, and one that nobody passes is most likely wrong. Tests alone do not tell candidates apart well
(R2E-Gym, Jain et al. 2025), so each is worth the share of the votes whose candidates pass it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from swe_ai_fleet.domain.check import Trial
from swe_ai_fleet.domain.trials import tried_cases
from swe_ai_fleet.ranking.candidates import Candidate
from swe_ai_fleet.ranking.evidence import Reproduction


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """How much of the defect each candidate is shown to repair, by proposal id, 0 to 1."""

    impartial: Mapping[str, float]
    """Tests of a candidate's own author left out: what the ranking uses."""
    with_own: Mapping[str, float]
    """The same with them, for comparison."""


def reproductions_of(
    proposal_id: str, author: str, trials: Sequence[Trial], answers: Collection[str]
) -> list[Reproduction]:
    """Every case of proposed tests with what it says of these answers, from the runs of all rounds; sorted."""
    return [
        Reproduction(
            test_id=f"{proposal_id}::{case.name}",
            author=author,
            fails_on_base=case.fails_before,
            passed_by=case.passed_by.intersection(answers),
        )
        for case in tried_cases(trials)
    ]


def counting(tests: Sequence[Reproduction]) -> list[Reproduction]:
    """Those that show something, each id once, sorted."""
    found = {
        test.test_id: test for test in sorted(tests, key=_order) if test.fails_on_base and test.passed_by
    }
    return [found[test_id] for test_id in sorted(found)]


def passed_tests(candidates: Sequence[Candidate], tests: Sequence[Reproduction]) -> dict[str, frozenset[str]]:
    """By proposal id: the counting tests that it passes."""
    shown = counting(tests)
    return {c.id: frozenset(test.test_id for test in shown if c.id in test.passed_by) for c in candidates}


def reproduction_scores(
    candidates: Sequence[Candidate], votes: Mapping[str, float], tests: Sequence[Reproduction]
) -> Shown:
    """The worth of the counting tests that a candidate passes over that of all, with and without its author's."""
    total = sum(votes.values())
    shown = counting(tests)
    worth = {
        test.test_id: sum(votes.get(pid, 0.0) for pid in sorted(test.passed_by)) / total if total else 0.0
        for test in shown
    }
    impartial, with_own = {}, {}
    for candidate in candidates:
        foreign = [test for test in shown if test.author != candidate.proposal.agent_id]
        impartial[candidate.id] = _share(candidate.id, foreign, worth)
        with_own[candidate.id] = _share(candidate.id, shown, worth)
    return Shown(impartial=impartial, with_own=with_own)


def _share(proposal_id: str, tests: Sequence[Reproduction], worth: Mapping[str, float]) -> float:
    possible = sum(worth[test.test_id] for test in tests)
    earned = sum(worth[test.test_id] for test in tests if proposal_id in test.passed_by)
    return earned / possible if possible else 0.0


def _order(test: Reproduction) -> tuple[str, str, bool, tuple[str, ...]]:
    return (test.test_id, test.author, test.fails_on_base, tuple(sorted(test.passed_by)))
