"""What executed evidence came to, tier by tier: who is still level with the best after it, and on what it rests."""

from collections.abc import Mapping, Sequence

from swe_ai_fleet.domain.ranking import TierVerdict
from swe_ai_fleet.ranking.candidates import Candidate
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.reproductions import counting
from swe_ai_fleet.ranking.standing import Standing

AGREEMENT, REPRODUCTION = "agreement", "reproduction"
_SHOWN = 3


def executed_tiers(standing: Standing, evidence: Evidence) -> tuple[TierVerdict, ...]:
    """Agreement on what was executed, and the tests that agents proposed, in the order of comparison."""
    left: Sequence[Candidate] = standing.survivors
    tiers = []
    if AGREEMENT in standing.parts:
        left = _best(left, standing.parts[AGREEMENT])
        tiers.append(_tier(AGREEMENT, left, _agreement_note(standing, evidence)))
    if evidence.reproductions:
        left = _best(left, standing.parts.get(REPRODUCTION, {}))
        tiers.append(_tier(REPRODUCTION, left, _reproduction_note(standing, evidence)))
    return tuple(tiers)


def _tier(name: str, left: Sequence[Candidate], note: str) -> TierVerdict:
    return TierVerdict(tier=name, kept=tuple(sorted(candidate.id for candidate in left)), note=note)


def _best(candidates: Sequence[Candidate], part: Mapping[str, float]) -> list[Candidate]:
    best = max((part.get(candidate.id, 0.0) for candidate in candidates), default=0.0)
    return [candidate for candidate in candidates if part.get(candidate.id, 0.0) == best]


def _agreement_note(standing: Standing, evidence: Evidence) -> str:
    names = sorted({name for candidate in standing.candidates for name in candidate.signature})
    differing = sum(
        len({candidate.signature[name] for candidate in standing.candidates if name in candidate.signature})
        > 1
        for name in names
    )
    if not evidence.behaviours:
        return f"{_count(len(names), 'check or case', 'checks and cases')}; answers differ on {differing}"
    votes = [claim for claim in evidence.claims if not claim.is_given]
    testers = len({claim.author for claim in votes})
    said = f"{_count(len(names), 'input')}; answers differ on {differing}"
    if not votes:
        return said
    return f"{said}; {_count(len(votes), 'expected output')} of {_count(testers, 'tester')} counted as votes"


def _reproduction_note(standing: Standing, evidence: Evidence) -> str:
    tests = {test.test_id: test for test in evidence.reproductions}
    count = len(standing.candidates)
    shown = counting(evidence.reproductions)
    before = sum(not test.fails_on_base for test in tests.values())
    nowhere = sum(test.fails_on_base and not test.passed_by for test in tests.values())
    parts = [f"{len(shown)} of {_count(len(tests), 'proposed test')} count"]
    parts += [f"{before} do not fail on the unchanged commit"] if before else []
    parts += [f"{nowhere} pass on no answer"] if nowhere else []
    parts += [f"{test.test_id} passes on {len(test.passed_by)} of {count}" for test in shown[:_SHOWN]]
    parts += [f"and {len(shown) - _SHOWN} more"] if len(shown) > _SHOWN else []
    return "; ".join(parts)


def _count(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
