"""Published rankers computed beside ours, on the same executions."""

import math
from collections import Counter
from collections.abc import Sequence

from swe_ai_fleet.bench.rank_observing import Observation, same_value
from swe_ai_fleet.ranking.pool import CLAIMS_EACH

_Passed = tuple[tuple[int, int], ...]


def codet(seen: Observation, *, candidates: Sequence[int], testers: Sequence[int]) -> list[float]:
    """Dual execution agreement (Chen et al. 2022), by candidate.

    Candidates that pass exactly the same tests form a consensus set; its score is the square root of its size
    times the number of tests it passes, each with its multiplicity. Tests that compare otherwise than with
    ``==`` a literal are left out.
    """
    passed = _passed_tests(seen, testers)
    sets = Counter(passed[seen.program_of[index]] for index in candidates)
    return [
        math.sqrt(sets[tests]) * len(tests)
        for tests in (passed[seen.program_of[index]] for index in candidates)
    ]


def most_tests(seen: Observation, *, candidates: Sequence[int], testers: Sequence[int]) -> list[float]:
    """The number of generated tests passed, by candidate."""
    passed = _passed_tests(seen, testers)
    return [float(len(passed[seen.program_of[index]])) for index in candidates]


def _passed_tests(seen: Observation, testers: Sequence[int]) -> list[_Passed]:
    """By program: the tests it passes, as (tester, place) pairs."""
    tests = [
        ((index, place), assertion.arguments, expected)
        for index in testers
        if index < len(seen.tests)
        for place, assertion in enumerate(seen.tests[index][:CLAIMS_EACH])
        if assertion.arguments is not None and (expected := seen.expected(assertion)) is not None
    ]
    equal: dict[tuple[str, str], bool] = {}
    found = []
    for outputs in seen.outputs:
        passed = []
        for key, arguments, expected in tests:
            pair = (outputs.get(arguments, ""), expected)
            if pair not in equal:
                equal[pair] = bool(pair[0]) and same_value(*pair)
            if equal[pair]:
                passed.append(key)
        found.append(tuple(passed))
    return found
