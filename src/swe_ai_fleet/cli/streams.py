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
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, stream.fileno())
    os.close(nothing)
