"""A pytest plugin that records what every test did, and whether the test runner was still itself at the end."""

from __future__ import annotations

import builtins
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import pytest
from fleet_record import Record  # type: ignore[import-not-found]  # beside it, inside the sandbox

_WATCHED = ("_pytest", "pluggy", "pytest", "unittest", "fleet_verdict", "fleet_record")
_RUNNERS = ("_pytest", "pluggy", "unittest", "pytest")
_INSTALLED = (str(Path(pytest.__file__).parent.parent), sysconfig.get_path("stdlib"))
_CHANGING = ("_", "__pytest_asyncio_scope")


class Verdict:
    """Records one session."""

    def __init__(self, record: Record, config: pytest.Config) -> None:
        self._record = record
        self._config = config
        self._outcomes: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._collected: set[str] = set()
        self._functions = _functions()
        self._builtins = dict(vars(builtins))
        self._plugins: set[int] = set()
        record.add(kind="start")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self) -> None:
        """From here on only ``conftest.py`` files may add plugins."""
        self._plugins = {id(plugin) for plugin in self._config.pluginmanager.get_plugins()}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Iterator[None]:
        """Note from where a test was skipped, or said to be expected to fail."""
        yield
        if call.excinfo is not None:
            frames = [entry for entry in call.excinfo.traceback if not _is_runner(entry.frame.f_globals)]
            self._places[item.nodeid] = str(frames[-1].path) if frames else ""

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
        now = _functions()
        for name, (function, code) in self._functions.items():
            found = now.get(name, (None, None))
            if found != (function, code) and not _is_installed(found[1]):
                return name
        for name, value in self._builtins.items():
            if vars(builtins).get(name) is not value and name not in _CHANGING:
                return f"builtins.{name}"
        for plugin in self._config.pluginmanager.get_plugins():
            if id(plugin) not in self._plugins and not _is_conftest(plugin):
                return f"plugin {self._config.pluginmanager.get_name(plugin)}"
        return ""


def _is_runner(names: dict[str, Any]) -> bool:
    return str(names.get("__name__", "")).partition(".")[0] in _RUNNERS


def _is_installed(code: Any) -> bool:
    """Code of an installed package: plugins of pytest may change it."""
    return code is not None and code.co_filename.startswith(_INSTALLED)


def _is_conftest(plugin: object) -> bool:
    return isinstance(plugin, ModuleType) and Path(plugin.__file__ or "").name == "conftest.py"


def _functions() -> dict[str, tuple[Any, Any]]:
    """Every function of the test runner and its code, by name."""
    found: dict[str, tuple[Any, Any]] = {}
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in _WATCHED and isinstance(module, ModuleType):
            scopes: list[Any] = [
                module,
                *(value for value in vars(module).values() if isinstance(value, type)),
            ]
            for scope in scopes:
                for key, value in list(vars(scope).items()):
                    if isinstance(value, FunctionType):
                        found[f"{name}.{scope.__name__}.{key}"] = (value, value.__code__)
    return found


def pytest_configure(config: pytest.Config) -> None:
    """Begin to record, once, in the controlling process."""
    record = Record.from_environment()
    if record is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Verdict(record, config), "fleet-verdict")
