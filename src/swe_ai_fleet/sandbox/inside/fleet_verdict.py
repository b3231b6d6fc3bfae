"""A pytest plugin that records what every test did, and whether the test runner was still itself at the end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fleet_record import Record  # type: ignore[import-not-found]  # beside it, inside the sandbox
from fleet_watch import Watch, is_runner  # type: ignore[import-not-found]  # beside it, inside the sandbox

_WATCH = Watch()
"""Taken when pytest is whole, and no ``conftest.py`` is loaded yet: one may import the code under test."""


class Verdict:
    """Records one session."""

    def __init__(self, record: Record, config: pytest.Config) -> None:
        self._record = record
        self._config = config
        self._outcomes: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._collected: set[str] = set()
        self._plugins: set[int] = set()
        record.add(kind="start")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """From here on only ``conftest.py`` files may add plugins."""
        self._plugins = {id(plugin) for plugin in self._config.pluginmanager.get_plugins()}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Iterator[None]:
        """Note from where a test was skipped, or said to be expected to fail."""
        if call.excinfo is not None:
            frames = [entry for entry in call.excinfo.traceback if not is_runner(entry.frame.f_globals)]
            self._places[item.nodeid] = str(frames[-1].path) if frames else ""
        yield  # pytest turns one kind of skipping into another, and forgets where it came from

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be collected is a failed case of its own."""
        if report.failed:
            self._outcomes[report.nodeid] = "failed"

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """What will have to report."""
        self._collected = {item.nodeid for item in session.items}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A failure in any phase is a failure of the case."""
        if report.failed:
            self._outcomes[report.nodeid] = "failed"
        elif report.skipped:
            self._outcomes.setdefault(report.nodeid, "skipped")
        elif report.when == "call":
            self._outcomes.setdefault(report.nodeid, "passed")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Record everything; without this line the run does not count."""
        stopped = bool(session.shouldstop or session.shouldfail) or self._config.option.collectonly
        skipped = {name for name, outcome in self._outcomes.items() if outcome == "skipped"}
        self._record.add(
            kind="finish",
            exit=int(exitstatus),
            cases=self._outcomes,
            places={name: place for name, place in self._places.items() if name in skipped},
            silent=[] if stopped else sorted(self._collected - self._outcomes.keys()),
            tampered=self._tampered(),
        )

    def _tampered(self) -> str:
        """What is no longer what it was, or nothing."""
        for plugin in self._config.pluginmanager.get_plugins():
            if id(plugin) not in self._plugins and not _is_conftest(plugin):
                return f"plugin {self._config.pluginmanager.get_name(plugin)}"
        return str(_WATCH.changed())


def _is_conftest(plugin: object) -> bool:
    return isinstance(plugin, ModuleType) and Path(plugin.__file__ or "").name == "conftest.py"


def pytest_configure(config: pytest.Config) -> None:
    """Begin to record, once, in the controlling process."""
    record = Record.given()
    if record is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Verdict(record, config), "fleet-verdict")
