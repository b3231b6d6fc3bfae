"""Runs programs on calls: one forked child a program, each of its calls under a limit of its own.

This process executes nothing of any program. It reads a header and then programs as JSON lines, and writes the
children's results as JSON lines under the number of the program that the child was forked for; a child can say
what its own calls returned, and nothing else.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
from typing import Any

from cell_child import PR_SET_DUMPABLE, child  # type: ignore[import-not-found]  # beside it, inside the sandbox
from cell_values import compile_arguments  # type: ignore[import-not-found]  # beside it, inside the sandbox

from swe_ai_fleet.sandbox.launcher import kernel

_CHUNK = 1 << 20
_SILENCE = 10.0
"""Wall-clock time that a call may take, in multiples of its CPU time."""
_LEAST_S = 1.0
_HARD_ENDS = 3
"""Children that may be lost to one program."""
_STATUSES = ("ok", "raised", "timeout")


class Run:
    """One program's way through the calls."""

    def __init__(self, number: int, header: dict[str, Any]) -> None:
        self._number = number
        self._header = header
        self._total = len(header["calls"])
        self.done = 0
        self.timeouts = 0
        self.is_loaded = False

    def take(self, line: bytes) -> bool:
        """One line of the child; False where it is not what an honest child writes."""
        if line == b"loaded":
            self.is_loaded = True
            return True
        try:
            cells = json.loads(line)
            cells = [self._checked(*cell) for cell in cells]
        except (ValueError, TypeError, RecursionError):
            return False
        if not cells or self.done + len(cells) > self._total:
            return False
        self.report(cells)
        return True

    def _checked(self, status: str, output: Any, is_none: Any) -> list[Any]:
        if status not in _STATUSES or not (output is None or isinstance(output, str)):
            raise ValueError(status)
        return [
            status,
            None if output is None else output[: self._header["output_chars"] + 64],
            bool(is_none),
        ]

    def report(self, cells: list[list[Any]]) -> None:
        """Hand cells on, in the order of the calls."""
        self.timeouts += sum(cell[0] == "timeout" for cell in cells)
        _say({"program": self._number, "first": self.done, "cells": cells})
        self.done += len(cells)

    def rest(self, status: str) -> None:
        """All that is left ends in the same way."""
        while self.done < self._total:
            self.report([[status, None, False]] * min(1000, self._total - self.done))

    @property
    def is_over(self) -> bool:
        """Every call has its result."""
        return self.done >= self._total

    @property
    def has_given_up(self) -> bool:
        """Too many of its calls have timed out."""
        return self.timeouts >= int(self._header["timeouts"])


def run_program(number: int, program: dict[str, str], header: dict[str, Any], codes: list[Any]) -> None:
    """Fork children until every call has a result."""
    run = Run(number, header)
    losses, is_careful = 0, False
    while not run.is_over and not run.has_given_up and losses < _HARD_ENDS:
        run.is_loaded = False
        how = _run_child(run, program, header, codes, is_careful=is_careful)
        if how == "done":
            break
        if not run.is_loaded:
            run.rest(how)
        elif is_careful:  # each result was told at once, so this call is the one
            run.report([[how, None, False]])
            losses, is_careful = losses + 1, False
        else:
            is_careful = True
    run.rest("timeout" if run.timeouts else "killed")
    _say({"program": number, "first": -1, "cells": [], "cpu_s": sum(os.times()[:4])})


def _run_child(
    run: Run, program: dict[str, str], header: dict[str, Any], codes: list[Any], *, is_careful: bool
) -> str:
    """One child from the first call that has no result: "done", "timeout" or "killed"."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        child(writer, program, header, codes[run.done :], is_careful=is_careful)
    os.close(writer)
    silent = _listen(run, reader, header)
    os.close(reader)
    if silent:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if run.is_over or run.has_given_up:
        return "done"
    ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return "timeout" if silent or ended_by in (signal.SIGPROF, signal.SIGXCPU) else "killed"


def _listen(run: Run, reader: int, header: dict[str, Any]) -> bool:
    """Take results until the child closes its pipe; True where it is silent for too long, or lies."""
    pending = b""
    poll = select.poll()
    poll.register(reader, select.POLLIN)
    while True:
        patience_s = max(_LEAST_S, _SILENCE * float(header["cell_s" if run.is_loaded else "load_s"]))
        if not poll.poll(patience_s * 1000):
            return True
        chunk = os.read(reader, _CHUNK)
        if not chunk:
            return False
        *lines, pending = (pending + chunk).split(b"\n")
        if len(pending) > 4 * _CHUNK or not all(run.take(line) for line in lines) or run.has_given_up:
            return True


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message, separators=(",", ":")).encode() + b"\n")
    sys.stdout.buffer.flush()


def main() -> None:
    """Serve until stdin ends. The next program comes only when all is said of the last, so that none sees another."""
    if sys.platform == "linux":
        kernel.prctl(PR_SET_DUMPABLE, 0)  # nothing of this process can be opened through /proc
    lines = sys.stdin.buffer
    header = json.loads(lines.readline())
    codes = [compile_arguments(text) for text in header["calls"]]
    gc.freeze()
    for line in lines:
        program = json.loads(line)
        run_program(program["number"], program, header, codes)


if __name__ == "__main__":
    main()
