"""Which lines run, and which functions have run."""

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

_Local = Callable[[FrameType, str, Any], Any]


class LineTracer:
    """Records the executed lines of a set of files, all threads included."""

    def __init__(self, files: dict[str, str]) -> None:
        """``files`` maps absolute paths to the names they are reported under."""
        self._names = files
        self._lines: dict[str, set[int]] = {name: set() for name in files.values()}
        self._local: dict[str, _Local | None] = {}

    def start(self) -> None:
        """Forget what was seen and watch from here."""
        for lines in self._lines.values():
            lines.clear()
        threading.settrace(self._called)
        sys.settrace(self._called)

    def stop(self) -> dict[str, list[int]]:
        """The lines seen since the start, by file; files of which nothing ran are left out."""
        sys.settrace(None)
        threading.settrace(None)
        return {name: sorted(lines) for name, lines in self._lines.items() if lines}

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

        def watch(frame: FrameType, event: str, _argument: Any) -> _Local:
            if event == "line":
                add(frame.f_lineno)
            return watch

        return watch
