"""Ctrl-C: the first asks for an orderly end, which may take three seconds; the second leaves at once.

A terminal that is closed asks for the orderly end too, except where that signal is ignored, as under ``nohup``.
"""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from swe_ai_fleet.cli.exits import Exit
from swe_ai_fleet.cli.streams import silence_dead_terminal

_ORDERLY_S = 2.7
_HANG_UP = () if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN else (signal.SIGHUP,)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, *_HANG_UP)
_SHOW_CURSOR = "\x1b[?25h"


class Interrupts:
    """What happens when the user, or whoever runs this process, wants it to end."""

    def __init__(self, task: "asyncio.Task[int]") -> None:
        """Until :meth:`calling` says otherwise, an interrupt cancels ``task``."""
        self.fired = False
        self._act: Callable[[], object] = task.cancel
        self._limit_s: float = _ORDERLY_S
        self._limit_exit: int = Exit.INTERRUPTED

    def listen(self) -> None:
        """Have the signals come here, whoever has taken them meanwhile: connecting to Ray takes SIGTERM away."""
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self.hang_up if number == signal.SIGHUP else self.fire)

    @contextmanager
    def calling(
        self, act: Callable[[], object], *, limit_s: float = _ORDERLY_S, limit_exit: int = Exit.INTERRUPTED
    ) -> Iterator[None]:
        """Within it, the first interrupt calls ``act`` on the event loop.

        ``limit_s`` later the process ends with ``limit_exit``, however far the orderly end has come.
        """
        self.listen()
        before = (self._act, self._limit_s, self._limit_exit)
        self._act, self._limit_s, self._limit_exit = act, limit_s, limit_exit
        try:
            yield
        finally:
            self._act, self._limit_s, self._limit_exit = before

    def hang_up(self) -> None:
        """The terminal is gone; shell and kernel may both say so, and nobody meant it twice."""
        silence_dead_terminal()
        if not self.fired:
            self.fire()

    def fire(self) -> None:
        """One signal came."""
        if self.fired:
            _leave(Exit.INTERRUPTED)
        self.fired = True
        limit = threading.Timer(self._limit_s, _leave, (self._limit_exit,))
        limit.daemon = True
        limit.start()
        self._act()


@contextmanager
def interruptible() -> Iterator[Interrupts]:
    """Signals of this process go to the :class:`Interrupts` of the current task."""
    task = asyncio.current_task()
    assert task is not None
    interrupts = Interrupts(task)
    loop = asyncio.get_running_loop()
    interrupts.listen()
    try:
        yield interrupts
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)


def _leave(code: int) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(_SHOW_CURSOR)
        sys.stderr.flush()
    os._exit(code)
