"""What the tests do on the unchanged code: which fail, what they execute, how long they take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swe_ai_fleet.repair.harness import Harness
from swe_ai_fleet.repair.localise import CaseRun
from swe_ai_fleet.repair.source import Source, header_lines

FIRST_LIMIT_S = 1.0
_TYPICAL_S = 0.003
_TRACED_SLOW = 2
"""Tests that never end and are traced; what they execute is much the same."""
_LOOP_S = 0.3
"""CPU seconds in which a loop that never ends has executed all its lines, traced."""
_LONG_S = 0.2
_KNOWN_SHARE = 0.95
"""Of the tests, at least, that a check report must know to stand for a run of our own."""
_PATIENT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """Tests of the unchanged code by verdict."""

    failing: tuple[CaseRun, ...]
    """Traced; those that fail quickly first, those that only run out of time last."""
    passing: tuple[CaseRun, ...]
    """In the suite's order; traced where ``lines`` is not empty."""
    traced_all: bool
    """Every passing test was traced, so that it is known which of them a change can touch."""

    @property
    def first(self) -> list[int]:
        """The failing tests that candidates meet first: those that fail quickly, where there are any."""
        quick = [run.index for run in self.failing if not run.slow]
        return quick or [run.index for run in self.failing]

    @property
    def later(self) -> list[int]:
        """The failing tests that only what passes the first ones meets."""
        first = set(self.first)
        return [run.index for run in self.failing if run.index not in first]

    @property
    def patient_s(self) -> float:
        """CPU seconds that a test may take where few candidates come so far."""
        is_known = self.traced_all and not any(run.slow for run in self.failing)
        least = 1.0 if is_known else _PATIENT_S
        return least + 10 * self.longest_s

    @property
    def canary(self) -> list[int]:
        """Quick tests whose behaviour on the unchanged code shows whether candidates leave traces in a process."""
        quick = sorted(self.passing, key=lambda run: (not run.lines, run.cpu_s))[:2]
        return [run.index for run in [*(r for r in self.failing[:1] if not r.slow), *quick]]

    @property
    def failing_s(self) -> float:
        """CPU seconds of the longest failing test; a guess for those that never end."""
        if all(run.slow for run in self.failing):
            return min(self.longest_s, _LONG_S)
        return max(run.cpu_s for run in self.failing if not run.slow)

    @property
    def longest_s(self) -> float:
        """CPU seconds of the longest test that ends by itself; a guess where none does."""
        return max((run.cpu_s for run in [*self.failing, *self.passing] if not run.slow), default=_TYPICAL_S)

    @property
    def all_cpu_s(self) -> float:
        """CPU seconds of the whole suite."""
        return sum(run.cpu_s for run in [*self.failing, *self.passing])

    def touching(self, lines: Mapping[str, range]) -> list[int]:
        """Passing tests that execute one of these lines, in the suite's order; all where not all were traced."""
        if not self.traced_all:
            return [run.index for run in self.passing]
        return [
            run.index
            for run in self.passing
            if any(not run.lines.get(file, frozenset()).isdisjoint(span) for file, span in lines.items())
        ]


async def establish(
    harness: Harness, *, files: Sequence[str], known: Mapping[str, str], seconds: float
) -> Baseline:
    """Find out what fails and trace it as far as ``seconds`` allow: failing tests first, then those near them.

    Args:
        harness: warm.
        files: editable files, whose lines are traced.
        known: what the unchanged commit's check report says of each test; where it knows the suite, only what failed
            is run again. A test that it has seen pass is slow, not failing, where it runs out of our first limit.
        seconds: for all of it, roughly.
    """
    failing, passing = await _verdicts(harness, known, seconds / 2)
    failing.sort(key=lambda run: (run.slow, run.cpu_s, run.index))
    traced = await harness.profile(
        [run.index for run in failing if not run.slow],
        files=files,
        cpu_s=8 * FIRST_LIMIT_S,
        seconds=seconds / 2,
    )
    slow = [run.index for run in failing if run.slow][:_TRACED_SLOW]
    traced += await harness.profile(slow, files=files, cpu_s=_LOOP_S, seconds=seconds / 2)
    near = await harness.profile(
        _nearest_first(failing, passing), files=files, cpu_s=10 * FIRST_LIMIT_S, seconds=seconds / 2
    )
    lines_of = {run.index: run for run in [*traced, *near]}
    return Baseline(
        failing=tuple(_with_lines(run, lines_of) for run in failing),
        passing=tuple(_with_lines(run, lines_of) for run in passing),
        traced_all=len(near) == len(passing),
    )


async def _verdicts(
    harness: Harness, known: Mapping[str, str], seconds: float
) -> tuple[list[CaseRun], list[CaseRun]]:
    """Failing and passing tests, without lines."""
    tests = harness.collected.tests
    if sum(test in known for test in tests) >= _KNOWN_SHARE * len(tests):
        again = [index for index, test in enumerate(tests) if known.get(test) == "failed"]
        runs = await harness.profile(again, files=None, cpu_s=FIRST_LIMIT_S, seconds=seconds)
        failing = [run for run in runs if run.verdict == "failed"]
        if failing:
            passed = [i for i, test in enumerate(tests) if known.get(test) == "passed"]
            return failing, [CaseRun(index=i, test=tests[i], verdict="passed") for i in passed]
    runs = await harness.profile(list(range(len(tests))), files=None, cpu_s=FIRST_LIMIT_S, seconds=seconds)
    failing = [r for r in runs if r.verdict == "failed" and not (r.slow and known.get(r.test) == "passed")]
    return failing, [run for run in runs if run.verdict == "passed"]


def _nearest_first(failing: Sequence[CaseRun], passing: Sequence[CaseRun]) -> list[int]:
    """Passing tests, those of the failing tests' own modules first."""
    modules = {run.test.partition("::")[0] for run in failing}
    ordered = sorted(passing, key=lambda run: (run.test.partition("::")[0] not in modules, run.index))
    return [run.index for run in ordered]


def _with_lines(run: CaseRun, traced: Mapping[int, CaseRun]) -> CaseRun:
    """The plain run's verdict and time with the traced run's lines and stack."""
    seen = traced.get(run.index)
    if seen is None:
        return run
    return CaseRun(
        index=run.index,
        test=run.test,
        verdict=run.verdict,
        cpu_s=run.cpu_s or seen.cpu_s,
        lines=seen.lines,
        frames=run.frames or seen.frames,
        error=run.error,
        slow=run.slow,
    )


def lines_around(sources: Mapping[str, Source], edits: Sequence[tuple[str, int, int]]) -> dict[str, range]:
    """Per file, the lines of what each edit (file, start, end) may influence: the outermost function, else its own."""
    found: dict[str, range] = {}
    for file, start, end in edits:
        source = sources[file]
        first, last = source.line_of(start), source.line_of(end)
        for statement in source.statements():
            lines = header_lines(statement)
            if first in lines:
                function = source.outermost_function_of(statement)
                if function is not None:
                    first, last = min(first, function.lineno), max(last, function.end_lineno or last)
        known = found.get(file)
        if known is not None:
            first, last = min(first, known.start), max(last, known.stop - 1)
        found[file] = range(first, last + 1)
    return found
