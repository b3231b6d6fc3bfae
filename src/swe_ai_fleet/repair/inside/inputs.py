"""Inputs of a function, as the tests give them."""

import copy
import sys
from collections.abc import Iterator
from itertools import islice
from types import CodeType, FrameType
from typing import Any

_MAX_RECORDED = 40
_MAX_COPIED = 20000
"""Parts of an input that is copied, at most; larger ones are left out."""


class Input:
    """The arguments of one call."""

    def __init__(self, positional: list[Any], keywords: dict[str, Any], *, from_passing: bool) -> None:
        self.positional = positional
        self.keywords = keywords
        self.from_passing = from_passing
        """A test that passes on the unchanged code made this very call."""


class Recorder:
    """Copies the arguments of the calls of some code objects, while it is switched on."""

    def __init__(self, codes: set[CodeType]) -> None:
        self._codes = codes
        self._seen: set[str] = set()
        self.inputs: list[Input] = []
        self.is_passing = False

    def start(self) -> None:
        """Watch from here."""
        sys.settrace(self._called)

    def stop(self) -> None:
        """Watch no longer."""
        sys.settrace(None)

    def _called(self, frame: FrameType, _event: str, _argument: Any) -> None:
        code = frame.f_code
        if code in self._codes and len(self.inputs) < _MAX_RECORDED:
            sys.settrace(None)
            try:
                self._record(frame, code)
            finally:
                sys.settrace(self._called)

    def _record(self, frame: FrameType, code: CodeType) -> None:
        named = code.co_varnames[: code.co_argcount]
        rest = list(code.co_varnames[code.co_argcount :])
        only = [rest.pop(0) for _ in range(code.co_kwonlyargcount)]
        values = dict(frame.f_locals)
        positional = [values[name] for name in named]
        keywords = {name: values[name] for name in only}
        if code.co_flags & 0x04:
            positional += list(values[rest.pop(0)])
        if code.co_flags & 0x08:
            keywords.update(values[rest.pop(0)])
        try:
            shown = repr((positional, keywords))[:4000]
            is_large = any(True for _ in islice(parts_of(positional), _MAX_COPIED, None))
            if is_large or shown in self._seen:
                return
            made = Input(*copy.deepcopy((positional, keywords)), from_passing=self.is_passing)
        except Exception:  # noqa: BLE001  # arguments run code under repair when shown or copied
            return
        self._seen.add(shown)
        self.inputs.append(made)


def parts_of(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container inside of a value, itself included, with each key or index of it."""
    pending, seen = [value], set()
    while pending:
        at = pending.pop()
        if id(at) in seen:
            continue
        seen.add(id(at))
        inner = _inner(at)
        yield from ((at, key) for key, _ in inner)
        pending += [
            child for _, child in inner if not isinstance(child, int | float | str | bytes | type(None))
        ]


def _inner(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, list | tuple):
        return list(enumerate(value))
    if isinstance(value, dict):
        return list(value.items())
    return list(getattr(value, "__dict__", {}).items()) if not isinstance(value, type) else []
