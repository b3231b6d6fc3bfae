"""Whether the test runner is still itself: a picture of its functions and classes, taken early and compared late."""

from __future__ import annotations

import builtins
import sys
from types import FunctionType, ModuleType
from typing import Any

_WATCHED = ("_pytest", "pluggy", "pytest", "unittest", "fleet_verdict", "fleet_record", "fleet_watch")
_RUNNERS = ("_pytest", "pluggy", "unittest", "pytest")
_CODE = (FunctionType, property, classmethod, staticmethod)
_INSTALLED = (sys.prefix, sys.base_prefix)
_CHANGING = ("_", "__pytest_asyncio_scope")


class Watch:
    """What the test runner, and the builtins, are made of now."""

    def __init__(self) -> None:
        self._parts = _parts()
        self._classes = {name: set(vars(scope)) for name, scope in _classes()}
        self._builtins = dict(vars(builtins))

    def changed(self) -> str:
        """The first part that is no longer what it was, or nothing.

        Installed plugins and ``conftest.py`` may change parts: no proposal brings one.
        """
        now = _parts()
        for name, part in self._parts.items():
            found = now.get(name)
            same = found is not None and found[0] is part[0] and found[1] is part[1]
            if not same and not _may_change(found):
                return name
        for name, scope in _classes():
            for key in sorted(set(vars(scope)) - self._classes.get(name, set(vars(scope)))):
                value = vars(scope)[key]
                if not key.startswith("_") and not _may_change((value, _code(value))):
                    return f"{name}.{key}"
        for name, value in self._builtins.items():
            if vars(builtins).get(name) is not value and name not in _CHANGING:
                return f"builtins.{name}"
        return ""


def is_runner(names: dict[str, Any]) -> bool:
    """The globals of a frame are those of a test runner's module."""
    return str(names.get("__name__", "")).partition(".")[0] in _RUNNERS


def _may_change(part: tuple[Any, Any] | None) -> bool:
    filename = getattr(part[1], "co_filename", "") if part is not None else ""
    return bool(filename) and (filename.startswith(_INSTALLED) or filename.endswith("/conftest.py"))


def _modules() -> list[tuple[str, ModuleType]]:
    return [
        (name, module)
        for name, module in list(sys.modules.items())
        if name.partition(".")[0] in _WATCHED and isinstance(module, ModuleType)
    ]


def _classes() -> list[tuple[str, type]]:
    found = []
    for name, module in _modules():
        for key, value in list(vars(module).items()):
            if isinstance(value, type) and value.__module__ == name:
                found.append((f"{name}.{key}", value))
    return found


def _parts() -> dict[str, tuple[Any, Any]]:
    """Every function, property and method of the test runner with its code, by name."""
    found: dict[str, tuple[Any, Any]] = {}
    scopes: list[tuple[str, Any]] = [*_modules(), *_classes()]
    for name, scope in scopes:
        for key, value in list(vars(scope).items()):
            if isinstance(value, _CODE):
                found[f"{name}.{key}"] = (value, _code(value))
    return found


def _code(value: Any) -> Any:
    inner = getattr(value, "fget", None) or getattr(value, "__func__", value)
    return getattr(inner, "__code__", None)
