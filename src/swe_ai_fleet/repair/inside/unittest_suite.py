"""A unittest suite: found by unittest itself, then held warm where its runner would run it."""

import unittest
from collections.abc import Iterator, Sequence
from typing import Any

from .suites import Begin, Serve, Suite, Tell, frames_in


class UnittestSuite:
    """The cases that unittest found."""

    def __init__(self, suite: unittest.TestSuite | unittest.TestCase) -> None:
        cases = list(_flat(suite))
        unimported = [case for case in cases if type(case).__module__ == "unittest.loader"]
        self._cases = [case for case in cases if case not in unimported]
        self.ids = [case.id() for case in self._cases]
        self.errors = [_told(case) for case in unimported]

    def run(self, indices: Sequence[int], begin: Begin, tell: Tell) -> None:
        """Run these cases in this order, with the fixtures of their classes and modules."""
        cases = [self._cases[index] for index in indices]
        result = _Result(dict(zip(map(id, cases), indices, strict=True)), begin, tell)
        unittest.TestSuite(cases).run(result)
        if result.outside is not None:  # a fixture of a class or module failed: no case of it was even begun
            tell(indices[min(result.ended, len(indices) - 1)], "failed", result.outside)


class _Result(unittest.TestResult):
    def __init__(self, indices: dict[int, int], begin: Begin, tell: Tell) -> None:
        super().__init__()
        self._indices = indices
        self._begin = begin
        self._tell = tell
        self._verdict = "passed"
        self._error: BaseException | None = None
        self.outside: BaseException | None = None
        self.ended = 0

    def startTest(self, test: unittest.TestCase) -> None:
        self._verdict, self._error = "passed", None
        self._begin(self._indices[id(test)])
        super().startTest(test)

    def stopTest(self, test: unittest.TestCase) -> None:
        super().stopTest(test)
        self.ended += 1
        if not self._tell(self._indices[id(test)], self._verdict, self._error):
            self.stop()

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        if id(test) not in self._indices:
            self.outside = err[1]
            self.stop()
        self._fail(err)

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._fail(err)

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        if err is not None:
            self._fail(err)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        self._verdict = "failed"

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        self._verdict = "skipped"

    def addExpectedFailure(self, test: unittest.TestCase, err: Any) -> None:
        self._verdict = "skipped"

    def _fail(self, err: Any) -> None:
        self._verdict, self._error = "failed", err[1]


class _Runner:
    """Stands where unittest's text runner would."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.served = False

    def run(self, test: unittest.TestSuite | unittest.TestCase, /) -> unittest.TestResult:
        self.served = True
        suite: Suite = UnittestSuite(test)
        self._serve(suite)
        return unittest.TestResult()


def _flat(suite: Any) -> Iterator[unittest.TestCase]:
    if isinstance(suite, unittest.TestSuite):
        for inner in suite:
            yield from _flat(inner)
    else:
        yield suite


def _told(case: unittest.TestCase) -> dict[str, Any]:
    try:
        getattr(case, case._testMethodName)()  # noqa: SLF001  # unittest's own way to say what went wrong
    except Exception as error:  # noqa: BLE001  # whatever the import raised
        return {"where": case.id(), "error": str(error)[-500:], "frames": frames_in(str(error))}
    return {"where": case.id(), "error": "cannot be imported", "frames": []}


def serve_unittest(arguments: Sequence[str], serve: Serve, _ids: Sequence[str] = ()) -> str | None:
    """Find what these arguments of ``python -m unittest`` select and serve it; otherwise say why not."""
    runner = _Runner(serve)
    try:
        unittest.main(module=None, argv=["python -m unittest", *arguments], testRunner=runner, exit=False)
    except SystemExit as ending:
        return None if runner.served else f"unittest ended with {ending.code} before it ran anything"
    return None if runner.served else "unittest ran nothing"
