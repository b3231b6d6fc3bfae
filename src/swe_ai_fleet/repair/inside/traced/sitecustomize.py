# ruff: noqa: INP001  # a folder on PYTHONPATH, not a package
"""Makes every Python that a command starts write down which lines of the repository it has executed.

Put first on ``PYTHONPATH``; the root and the folder of the notes come in two variables of our own.
"""

import atexit
import json
import os
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

ROOT = "FLEET_TRACED_ROOT"
NOTES = "FLEET_TRACED_NOTES"

_Local = Callable[[FrameType, str, Any], Any]
_seen: dict[str, set[int]] = {}
_watchers: dict[str, _Local | None] = {}


def _watcher(path: str, prefix: str) -> _Local | None:
    if not path.startswith(prefix):
        return None
    add = _seen.setdefault(path[len(prefix) :], set()).add

    def watch(frame: FrameType, event: str, _argument: Any) -> _Local:
        if event == "line":
            add(frame.f_lineno)
        return watch

    return watch


def _follow(prefix: str) -> None:
    """Trace every thread from here."""

    def called(frame: FrameType, _event: str, _argument: Any) -> _Local | None:
        path = frame.f_code.co_filename
        if path not in _watchers:
            _watchers[path] = _watcher(path, prefix)
        return _watchers[path]

    threading.settrace(called)
    sys.settrace(called)


def _write(folder: str) -> None:
    sys.settrace(None)
    with open(f"{folder}/{os.getpid()}.json", "w", encoding="utf-8") as notes:  # noqa: PTH123  # less to import
        json.dump({path: sorted(lines) for path, lines in _seen.items() if lines}, notes)


_root, _notes = os.environ.get(ROOT), os.environ.get(NOTES)  # noqa: TID251  # the sandbox's own environment
if _root and _notes:
    atexit.register(_write, _notes)
    _follow(_root.rstrip("/") + "/")
