"""The child that executes one program. It is as untrusted as the program; what holds it was set before."""

from __future__ import annotations

import bisect  # noqa: F401  # imported here, once, so that no program pays for it
import collections  # noqa: F401
import copy  # noqa: F401
import datetime  # noqa: F401
import functools  # noqa: F401
import heapq  # noqa: F401
import itertools  # noqa: F401
import json
import math  # noqa: F401
import operator  # noqa: F401
import os
import random
import re  # noqa: F401
import resource
import signal
import string  # noqa: F401
import sys
import time
import typing  # noqa: F401
from types import FrameType, ModuleType
from typing import Any, NoReturn

from cell_values import canonical  # type: ignore[import-not-found]  # beside it, inside the sandbox

from swe_ai_fleet.sandbox.launcher import kernel, landlock, seccomp

_FILTER = seccomp.packed_for_a_cell() if sys.platform == "linux" else b""
"""Worked out once, before any child is forked."""
_FLUSH_S = 0.02
_GRACE_S = 0.05
PR_SET_DUMPABLE = 4


class Overtime(BaseException):
    """A call has used up its time."""


def child(
    writer: int, program: dict[str, str], header: dict[str, Any], codes: list[Any], *, is_careful: bool
) -> NoReturn:
    """Load the program, make the calls, report each; never returns."""
    try:
        _confine(writer, int(header["memory_bytes"]))
        random.seed(header["seed"])
        report = _Report(writer, is_careful=is_careful)
        function = _load(program, float(header["load_s"]))
        report.line(b"loaded")
        if function is None:
            for _ in codes:
                report.add("raised", "LoadError", is_none=False)
        else:
            _call_all(function, header, codes, report)
        report.flush()
    finally:
        os._exit(0)


def _confine(writer: int, memory_bytes: int) -> None:
    """No files to write, no processes to start or to signal, no sockets, nothing of the parent in reach."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nothing, number)
    os.dup2(writer, 3)
    os.closerange(4, 4096)
    for kind, value in (
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (value, value))
    if sys.platform == "linux":
        kernel.prctl(PR_SET_DUMPABLE, 0)
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if landlock.version():
            landlock.restrict(readable=("/",), writable=(), network=False)
        seccomp.install_packed(_FILTER)
    signal.signal(signal.SIGPROF, _overtime)


def _overtime(_number: int, _frame: FrameType | None) -> NoReturn:
    """Interrupt the call; if it goes on nevertheless, the next signal kills."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_PROF, _GRACE_S)
    raise Overtime


def _load(program: dict[str, str], load_s: float) -> Any:
    """The entry point, or None where the program does not define it."""
    module = ModuleType("candidate")
    sys.modules["candidate"] = module
    signal.setitimer(signal.ITIMER_PROF, load_s)
    try:
        exec(compile(program["source"], "candidate.py", "exec"), vars(module))  # noqa: S102  # what this child is for
        return vars(module).get(program["entry_point"])
    except BaseException:  # noqa: BLE001  # whatever it was, there is no entry point
        return None
    finally:
        _disarm()


def _disarm() -> None:
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, _overtime)


class _Report:
    """Results on their way to the parent, several at once unless each must be told at once."""

    def __init__(self, writer: int, *, is_careful: bool) -> None:
        self._is_careful = is_careful
        self._cells: list[tuple[str, str | None, bool]] = []
        self._next = time.monotonic() + _FLUSH_S

    def add(self, status: str, output: str | None, *, is_none: bool) -> None:
        """One call's result."""
        self._cells.append((status, output, is_none))
        if self._is_careful or time.monotonic() >= self._next:
            self.flush()

    def flush(self) -> None:
        """Tell what has come together."""
        if self._cells:
            self.line(json.dumps(self._cells, separators=(",", ":")).encode())
            self._cells = []
        self._next = time.monotonic() + _FLUSH_S

    def line(self, text: bytes) -> None:
        """One whole line."""
        view = memoryview(text + b"\n")
        while view:
            view = view[os.write(3, view) :]


def _call_all(function: Any, header: dict[str, Any], codes: list[Any], report: _Report) -> None:
    names = {"__builtins__": {"set": set}, "_call": function}
    cell_s, limit = float(header["cell_s"]), int(header["output_chars"])
    for code in codes:
        if code is None:
            report.add("raised", "InvalidCall", is_none=False)
            continue
        signal.setitimer(signal.ITIMER_PROF, cell_s)
        try:
            value = eval(code, names)  # noqa: S307  # literals of ours around the program's function
            output = canonical(value, limit=limit)
            _disarm()
            report.add("ok", output, is_none=value is None)
        except Overtime:
            _disarm()
            report.add("timeout", None, is_none=False)
        except BaseException as error:  # noqa: BLE001  # its type is the result
            _disarm()
            report.add("raised", type(error).__name__[:80], is_none=False)
