"""What a forked child does with a suite."""

import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from .children import Report, arm, cap_memory
from .suites import Suite, all_frames
from .tracing import LineTracer

MORE_MEMORY = 1024**3
"""How much a candidate may allocate on top of what the warm process has, in bytes."""
_LEAST_S = 0.25
_SPAWNING = frozenset({"subprocess.Popen", "os.posix_spawn", "os.exec", "os.spawn", "os.system"})


class TooLongError(BaseException):
    """A test used up its CPU time; not an Exception, so that the code under test does not swallow it."""


def first_failure(
    suite: Suite, indices: Sequence[int], cpu_s: float, report: Report | None = None
) -> int | None:
    """Run these tests until one fails and return its index; ``cpu_s`` limits each, and each is reported (``at``)."""
    failed: list[int] = []

    def begin(index: int) -> None:
        if report is not None:
            report({"at": index})
        arm(cpu_s)

    def tell(index: int, verdict: str, _error: BaseException | None) -> bool:
        arm(0)
        if verdict == "failed":
            failed.append(index)
        return verdict != "failed"

    suite.run(indices, begin, tell)
    return failed[0] if failed else None


def run_until_failure(suite: Suite, indices: Sequence[int], cpu_s: float, report: Report) -> None:
    """Within limits, report each test that begins (``at``) and the one that failed (``failed``, None for none)."""
    cap_memory(MORE_MEMORY)
    report({"failed": first_failure(suite, indices, cpu_s, report)})


def profile(
    suite: Suite, indices: Sequence[int], files: dict[str, str] | None, cpu_s: float, report: Report
) -> None:
    """Report of each test its verdict, its CPU seconds, its error, and its lines where ``files`` is given.

    A test that uses up ``cpu_s`` has failed, and halves the limit of the next: tests that never end come in crowds.
    """
    tracer = LineTracer(files) if files is not None else None
    began, limit = [0.0], [cpu_s]
    spawned: list[str] = []
    sys.addaudithook(lambda event, _: spawned.append(event) if event in _SPAWNING else None)
    signal.signal(signal.SIGPROF, _too_long)
    cap_memory(MORE_MEMORY)

    def begin(index: int) -> None:
        report({"at": index})
        began[0] = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, limit[0])
        if tracer is not None:
            tracer.start()

    def tell(index: int, verdict: str, error: BaseException | None) -> bool:
        lines = tracer.stop() if tracer is not None else {}
        signal.setitimer(signal.ITIMER_PROF, 0)
        took = time.process_time() - began[0]
        if isinstance(error, TooLongError):
            limit[0] = max(_LEAST_S, limit[0] / 2)
        report({"test": index, "verdict": verdict, "cpu_s": round(took, 5), "lines": lines, **_told(error)})
        return True

    suite.run(indices, begin, tell)
    report({"spawns": bool(spawned), "types": tracer.types() if tracer is not None else {}})


def _too_long(_signal: int, _frame: Any) -> None:
    raise TooLongError("the test's CPU time is used up")


def _told(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {}
    try:
        shown = f"{type(error).__name__}: {error}"[:500]
    except Exception:  # noqa: BLE001  # the message is made by code under repair
        shown = type(error).__name__
    return {"error": shown, "frames": all_frames(error), "slow": isinstance(error, TooLongError)}
