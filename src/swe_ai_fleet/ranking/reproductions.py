"""Reproduction tests: proposed tests that show the defect, and so the repair.

A test counts only if it fails on the unchanged commit and passes on some candidate: one that passes before
proves nothing, and one that nobody passes is most likely wrong. Tests alone do not tell candidates apart well
(R2E-Gym, Jain et al. 2025), so each is worth the share of the votes whose candidates pass it.
"""

from collections.abc import Mapping, Sequence

from swe_ai_fleet.ranking.candidates import Candidate
from swe_ai_fleet.ranking.evidence import Reproduction


def counting(tests: Sequence[Reproduction]) -> list[Reproduction]:
    """Those that show something, each id once, sorted."""
    found = {
        test.test_id: test for test in sorted(tests, key=_order) if test.fails_on_base and test.passed_by
    }
    return [found[test_id] for test_id in sorted(found)]


def reproduction_scores(
    candidates: Sequence[Candidate], votes: Mapping[str, float], tests: Sequence[Reproduction]
) -> dict[str, float]:
    """By proposal id, 0 to 1: the worth of the counting tests it passes over that of all but its author's."""
    total = sum(votes.values())
    worth = {
        test.test_id: sum(votes.get(pid, 0.0) for pid in sorted(test.passed_by)) / total if total else 0.0
        for test in counting(tests)
    }
    scores = {}
    for candidate in candidates:
        foreign = [test for test in counting(tests) if test.author != candidate.proposal.agent_id]
        possible = sum(worth[test.test_id] for test in foreign)
        earned = sum(worth[test.test_id] for test in foreign if candidate.id in test.passed_by)
        scores[candidate.id] = earned / possible if possible else 0.0
    return scores


def _order(test: Reproduction) -> tuple[str, str, bool, tuple[str, ...]]:
    return (test.test_id, test.author, test.fails_on_base, tuple(sorted(test.passed_by)))
