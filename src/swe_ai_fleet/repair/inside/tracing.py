"""Which lines run, and of which types the variables are while they do."""

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_Local = Callable[[FrameType, str, Any], Any]
Types = dict[str, dict[str, dict[str, list[str]]]]
"""Type names by file, by first line of the function (as text), by variable."""

RESULT = "()"
"""Stands among the variables for what the function returns."""
_LOOK_EVERY = 32
"""Line events between two looks at the variables of a function that does not return."""
_LOOKS = 200
"""Looks at the variables of one function, at most."""


class LineTracer:
    """Records the executed lines of a set of files, all threads included."""

    def __init__(self, files: dict[str, str]) -> None:
        """``files`` maps absolute paths to the names they are reported under."""
        self._names = files
        self._lines: dict[str, set[int]] = {name: set() for name in files.values()}
        self._local: dict[str, _Local | None] = {}
        self._types: dict[tuple[str, int], dict[str, set[str]]] = {}
        self._looks: dict[tuple[str, int], int] = {}

    def start(self) -> None:
        """Forget which lines were seen and watch from here."""
        for lines in self._lines.values():
            lines.clear()
        threading.settrace(self._called)
        sys.settrace(self._called)

    def stop(self) -> dict[str, list[int]]:
        """The lines seen since the start, by file; files of which nothing ran are left out."""
        sys.settrace(None)
        threading.settrace(None)
        return {name: sorted(lines) for name, lines in self._lines.items() if lines}

    def types(self) -> Types:
        """What the variables of each function have been, over all starts."""
        told: Types = {}
        for (name, line), variables in self._types.items():
            told.setdefault(name, {})[str(line)] = {v: sorted(kinds) for v, kinds in variables.items()}
        return told

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> _Local | None:
        path = frame.f_code.co_filename
        try:
            return self._local[path]
        except KeyError:
            local = self._watcher(path)
            self._local[path] = local
            return local

    def _watcher(self, path: str) -> _Local | None:
        name = self._names.get(path)
        if name is None:
            return None
        add = self._lines[name].add
        until = [_LOOK_EVERY]

        def watch(frame: FrameType, event: str, argument: Any) -> _Local:
            if event == "line":
                add(frame.f_lineno)
                until[0] -= 1
            if event == "return" or until[0] <= 0:
                until[0] = _LOOK_EVERY
                self._look(name, frame, argument if event == "return" else None)
            return watch

        return watch

    def _look(self, name: str, frame: FrameType, result: Any) -> None:
        """Note the types of the variables, and of what is returned; None may also be an exception that passes."""
        key = (name, frame.f_code.co_firstlineno)
        looks = self._looks[key] = self._looks.get(key, 0) + 1
        if looks > _LOOKS or frame.f_code.co_name == "<module>":
            return
        known = self._types.setdefault(key, {})
        for variable, value in frame.f_locals.items():
            known.setdefault(variable, set()).add(type(value).__name__)
        if result is not None:
            known.setdefault(RESULT, set()).add(type(result).__name__)
