"""``python -m unittest`` that records what every test did."""

from __future__ import annotations

import sys
import unittest
from typing import Any

from fleet_record import Record  # type: ignore[import-not-found]  # beside it, inside the sandbox
from fleet_watch import Watch, is_runner  # type: ignore[import-not-found]  # beside it, inside the sandbox

_RECORD = Record.given()


_WATCH = Watch()


def _where(trace: Any) -> str:
    """The file that raised, if it is not the test runner's own."""
    place = ""
    while trace is not None:
        if not is_runner(trace.tb_frame.f_globals):
            place = trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
    return place


class _Result(unittest.TextTestResult):
    """The usual result, with the outcome of each test by its id."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.outcomes: dict[str, str] = {}
        self.places: dict[str, str] = {}

    def stopTest(self, test: unittest.TestCase) -> None:  # noqa: N802  # unittest's own name
        self.outcomes.setdefault(test.id(), "passed")
        super().stopTest(test)

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        self.outcomes[test.id()] = "failed"
        super().addError(test, err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:  # noqa: N802
        self.outcomes[test.id()] = "failed"
        super().addFailure(test, err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        if err is not None:
            self.outcomes[test.id()] = "failed"
        super().addSubTest(test, subtest, err)

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:  # noqa: N802
        self.outcomes.setdefault(test.id(), "skipped")
        self.places[test.id()] = _where(sys.exc_info()[2])
        super().addSkip(test, reason)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:  # noqa: N802
        self.outcomes[test.id()] = "failed"
        super().addUnexpectedSuccess(test)


class _Runner(unittest.TextTestRunner):
    resultclass = _Result

    def run(self, test: Any) -> Any:
        """Run, then record."""
        if _RECORD is not None:
            _RECORD.add(kind="start")
        collected = test.countTestCases()
        result: Any = super().run(test)
        if _RECORD is not None:
            silent = [] if result.testsRun == collected or result.shouldStop else ["tests that never ran"]
            _RECORD.add(
                kind="finish",
                exit=0 if result.wasSuccessful() else 1,
                cases=result.outcomes,
                places=result.places,
                silent=silent,
                tampered=_WATCH.changed(),
            )
        return result


if __name__ == "__main__":
    sys.argv[0] = "python -m unittest"
    unittest.main(module=None, testRunner=_Runner)
