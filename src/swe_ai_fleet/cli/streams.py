"""The standard streams of this process: their readers may leave, and they may never have been open."""

import os
import sys
from typing import TextIO

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


class ReaderLeftError(Exception):
    """Whoever read stdout has closed it; there is nothing more to say."""


def open_closed_streams() -> None:
    """Let those that are closed lead nowhere, before something else is opened under their numbers."""
    for number, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # noqa: FBT003  # it is the lowest that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def silence(stream: TextIO) -> None:
    """The reader has gone: nothing more can be written, not even when the interpreter ends."""
    _lead_nowhere(stream.fileno())


def silence_dead_terminal() -> None:
    """Let stdout and stderr lead nowhere where they lead to a terminal that is no more."""
    for number in (1, 2):
        try:
            os.write(number, b"")
        except OSError:
            _lead_nowhere(number)


def _lead_nowhere(number: int) -> None:
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, number)
    os.close(nothing)
