"""Where failing tests point."""

import math

import pytest

from swe_ai_fleet.repair.localise import CaseRun, localise, ochiai
from swe_ai_fleet.repair.source import Source

SOURCE = Source(
    "shop.py",
    "LIMIT = 3\n\n\ndef price(n):\n    if n > LIMIT:\n        return n * 2\n    return n\n"
    "\n\ndef other(n):\n    return n\n",
)


def _run(index: int, verdict: str, *lines: int, frames: tuple[tuple[str, int], ...] = ()) -> CaseRun:
    return CaseRun(
        index=index,
        test=f"t{index}",
        verdict=verdict,
        lines={"shop.py": frozenset(lines)},
        frames=frames,
        error="ValueError: no" if frames else "",
    )


@pytest.mark.parametrize(
    ("counts", "expected"), [((1, 0, 0), 1.0), ((1, 3, 0), 0.5), ((1, 0, 3), 0.5), ((0, 5, 1), 0.0)]
)
def test_ochiai_is_the_geometric_mean_of_precision_and_recall(
    counts: tuple[int, int, int], expected: float
) -> None:
    assert math.isclose(ochiai(*counts), expected)


def test_what_only_failing_tests_execute_is_suspected_most() -> None:
    runs = [_run(0, "failed", 5, 6), _run(1, "passed", 5, 7), _run(2, "passed", 5, 7)]
    suspects = localise({"shop.py": SOURCE}, runs, text="")
    assert suspects[0].statement.lineno == 6
    assert "executed by 1 of 1 failing and 0 of 2 passing tests" in suspects[0].why
    assert 11 not in {suspect.statement.lineno for suspect in suspects}


def test_where_the_exception_was_raised_counts_on_top() -> None:
    failed = _run(0, "failed", 5, 7, frames=(("test_shop.py", 3), ("shop.py", 5)))
    suspects = localise({"shop.py": SOURCE}, [failed], text="")
    assert suspects[0].statement.lineno == 5
    assert "ValueError was raised here" in suspects[0].why


def test_a_function_that_the_task_names_counts_on_top() -> None:
    runs = [_run(0, "failed", 7, 11)]
    suspects = localise({"shop.py": SOURCE}, runs, text="other() is wrong")
    assert suspects[0].statement.lineno == 11
    assert "the task names other" in suspects[0].why


def test_headers_and_constants_that_suspected_lines_use_are_suspected_a_little() -> None:
    suspects = localise({"shop.py": SOURCE}, [_run(0, "failed", 5, 7)], text="")
    by_line = {suspect.statement.lineno: suspect.score for suspect in suspects}
    assert by_line[1] == by_line[4] == pytest.approx(0.4 * by_line[5])
