"""A pytest suite: collected by pytest itself, then held warm in its run loop."""

import importlib.util
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import pytest

from .suites import Begin, Serve, Suite, Tell, all_frames

_QUIET = [
    "-p",
    "no:cacheprovider",
    "-p",
    "no:randomly",
    "-s",
    "--assert=plain",
    "--basetemp=/tmp/fleet-basetemp",
]


class PytestSuite:
    """The items of a session."""

    def __init__(self, session: pytest.Session, watch: "_Watch") -> None:
        self._items = session.items
        self._watch = watch
        self.ids = [item.nodeid for item in session.items]
        self.errors = watch.errors

    def run(self, indices: Sequence[int], begin: Begin, tell: Tell) -> None:
        """Run these items in this order, with their fixtures torn down as the next item demands."""
        for place, index in enumerate(indices):
            item = self._items[index]
            following = self._items[indices[place + 1]] if place + 1 < len(indices) else None
            begin(index)
            self._watch.reset()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if not tell(index, self._watch.verdict, self._watch.error):
                return


class _Watch:
    """The plugin that takes over where the tests would be run."""

    def __init__(self, serve: Serve, only: Collection[str]) -> None:
        self._serve = serve
        self._only = only
        self.errors: list[dict[str, Any]] = []
        self.served = False
        self.reset()

    def reset(self) -> None:
        """Before the next item."""
        self.verdict = "passed"
        self.error: BaseException | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path, config: pytest.Config) -> bool | None:
        """Files without a wanted test are not imported, whatever the arguments say of them."""
        if not self._only or collection_path.is_dir():
            return None
        try:
            file = collection_path.relative_to(config.rootpath).as_posix()
        except ValueError:
            return None
        return True if file not in self._only else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Everything is collected: serve instead of running it all."""
        self.served = True
        suite: Suite = PytestSuite(session, self)
        self._serve(suite)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport | None:
        """Keep the exception itself; nobody reads the printed traceback, which is most of a failure's cost."""
        if call.when == "collect" or call.excinfo is None:
            return None
        if call.excinfo.errisinstance((pytest.skip.Exception, pytest.xfail.Exception)):
            return None
        self.error = call.excinfo.value
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr="failed",
            when=call.when,
            duration=call.duration,
            start=call.start,
            stop=call.stop,
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """One phase of an item has ended."""
        if report.failed:
            self.verdict = "failed"
        elif report.skipped and self.verdict == "passed":
            self.verdict = "skipped"

    def pytest_exception_interact(
        self, node: Any, call: pytest.CallInfo[Any], report: pytest.CollectReport | pytest.TestReport
    ) -> None:
        """Something could not be collected."""
        if isinstance(report, pytest.CollectReport) and call.excinfo is not None:
            error = call.excinfo.value
            told = {"where": node.nodeid, "error": repr(error)[:500], "frames": all_frames(error)}
            self.errors.append(told)


def serve_pytest(arguments: Sequence[str], serve: Serve, ids: Sequence[str] = ()) -> str | None:
    """Collect what these arguments of pytest select and serve it; otherwise say why that was impossible.

    Where ``ids`` are given, only their files need to be collected.
    """
    extra = list(_QUIET)
    if importlib.util.find_spec("xdist") is not None:
        extra.append("-n0")
    if importlib.util.find_spec("pytest_cov") is not None:
        extra.append("--no-cov")
    watch = _Watch(serve, frozenset(identifier.split("::")[0] for identifier in ids))
    code = pytest.main([*arguments, *extra], plugins=[watch])
    return None if watch.served else f"pytest ended with exit code {int(code)} before it ran anything"
