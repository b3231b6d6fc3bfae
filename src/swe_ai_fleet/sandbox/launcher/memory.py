"""Memory of a whole tree where no control group may be made: process 1 adds up what is resident."""

import contextlib
import os
import resource
import signal

_PERIOD_S = 0.1


def reap_until(pid: int, *, limit_bytes: int) -> str:
    """Collect whatever ends until the command does, or until all together pass the limit.

    Between two looks a tree may pass it; every single process is bound by its own limit on address space.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    while True:
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended == pid:
            code = os.waitstatus_to_exitcode(status)
            return f"exit {code}" if code >= 0 else f"signal {-code}"
        if ended == 0:
            signal.sigtimedwait({signal.SIGCHLD}, _PERIOD_S)
            if _resident_bytes() > limit_bytes:
                return "memory"


def _resident_bytes() -> int:
    pages = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            with contextlib.suppress(OSError), open(f"/proc/{name}/statm", encoding="ascii") as file:
                _, resident, shared = file.read().split()[:3]
                pages += int(resident) - int(shared)
    return pages * resource.getpagesize()
