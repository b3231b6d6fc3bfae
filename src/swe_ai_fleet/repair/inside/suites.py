"""A collected suite, whichever framework it was written for, and what is seen of one test."""

import re
import traceback
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol

Begin = Callable[[int], None]
"""Called with a test's index before it runs."""
Tell = Callable[[int, str, BaseException | None], bool]
"""Called with a test's index, its verdict (passed, failed, skipped) and its error; False stops the run."""
Frame = tuple[str, int]
"""Path and line."""

_MAX_FRAMES = 60
_FILE_LINE = re.compile(r'File "([^"]+)", line (\d+)')


class Suite(Protocol):
    """Tests that have been imported and can be run in any selection."""

    ids: list[str]
    errors: list[dict[str, Any]]
    """What could not be imported: ``where``, ``error`` and ``frames``."""

    def run(self, indices: Sequence[int], begin: Begin, tell: Tell) -> None:
        """Run these tests in this order."""
        ...


Serve = Callable[[Suite], None]


def frames_of(trace: TracebackType | None) -> list[Frame]:
    """Where an exception passed through, outermost first; the innermost ones of a long trace."""
    found = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(trace)]
    return found[-_MAX_FRAMES:]


def frames_in(text: str) -> list[Frame]:
    """The same from a printed traceback."""
    return [(path, int(line)) for path, line in _FILE_LINE.findall(text)][-_MAX_FRAMES:]


def all_frames(error: BaseException) -> list[Frame]:
    """Of an exception and of those that it was raised from, the causes first."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    earlier = all_frames(before) if before is not None else []
    return (earlier + frames_of(error.__traceback__))[-_MAX_FRAMES:]
