"""Trying candidates: many in one fork as long as they fail and leave no trace, in a fork of their own otherwise.

A fork of a warm interpreter costs several times what a test does, so candidates share one: each is swapped in, meets
the failing tests, and is swapped out again. That could hide a right candidate behind the traces of a wrong one, so

- what passes in a shared fork is tried again in one of its own, and only that counts;
- the last thing a shared fork does is to run *canary* tests on the unchanged code; where they behave otherwise than in
  a new fork, none of its verdicts counts and its candidates are tried one by one;
- a suite that this happens to twice, or whose canaries differ when run twice in a row, gets a fork for every candidate.
"""

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .channel import Channel
from .children import Message, Report, arm, cap_memory, in_child
from .compiling import Compiled
from .suites import Suite
from .watching import install, seen
from .work import MORE_MEMORY, first_failure, run_until_failure

Verdict = tuple[str, int | None]
"""pass, fail, slow or died, and the test that decided it."""

_FLUSH_S = 0.2
_MAX_DISTURBED = 2
_ADDRESS = re.compile(r"0x[0-9a-f]+")


class Results:
    """Verdicts on candidates, sent in small batches so that neither side waits for the other."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._pending: list[list[Any]] = []
        self._since = time.monotonic()

    def add(self, number: int, verdict: str, test: int | None) -> None:
        """One candidate's verdict; a candidate that passed is told at once."""
        self._pending.append([number, verdict, test])
        if verdict == "pass" or time.monotonic() - self._since > _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Tell what has not been told."""
        if self._pending:
            self._channel.send(results=self._pending)
        self._pending = []
        self._since = time.monotonic()


class Trials:
    """The suite, and what is known of how far its tests leave traces."""

    def __init__(self, suite: Suite, descriptors: tuple[int, ...]) -> None:
        self._suite = suite
        self._descriptors = descriptors
        self._canaries: dict[tuple[int, ...], str | None] = {}
        self._disturbed = 0

    def run(self, candidates: Sequence[Compiled], request: Message, results: Results) -> None:
        """Try them all and tell the results."""
        canary = tuple(request.get("canary", ()))
        expected = self._expected(canary, request) if canary and len(candidates) > 1 else None
        waiting = list(candidates)
        while waiting and expected is not None and self._disturbed < _MAX_DISTURBED:
            verdicts, is_clean = self._together(waiting, request, canary, expected)
            if not is_clean:
                self._disturbed += 1
                break
            for compiled, (verdict, test) in zip(waiting, verdicts, strict=False):
                results.add(
                    compiled.number,
                    *(self.alone(compiled, request) if verdict == "pass" else (verdict, test)),
                )
            waiting = waiting[len(verdicts) :]
        for compiled in waiting:
            results.add(compiled.number, *self.alone(compiled, request))

    def alone(self, compiled: Compiled, request: Message) -> Verdict:
        """Try one in a fork of its own."""
        seen: Message = {}

        def work(report: Report) -> None:
            with swapped(compiled):
                run_until_failure(self._suite, request["tests"], request["cpu_s"], report)

        ending = in_child(work, wall_s=request["wall_s"], receive=seen.update, inherited=self._descriptors)
        if ending == "done" and "failed" in seen:
            return ("pass" if seen["failed"] is None else "fail"), seen["failed"]
        return ("slow" if ending == "timeout" else "died"), seen.get("at")

    def watch(self, compiled: Compiled, request: Message) -> list[bool]:
        """Run all the tests in a fork of its own: which truth values came by where the candidate watches."""
        told: list[bool] = []

        def work(report: Report) -> None:
            install()
            with swapped(compiled):
                run_until_failure(self._suite, request["tests"], request["cpu_s"], report)
            report({"seen": seen()})

        def receive(message: Message) -> None:
            told.extend(message.get("seen", ()))

        in_child(work, wall_s=request["wall_s"], receive=receive, inherited=self._descriptors)
        return told

    def _together(
        self, candidates: Sequence[Compiled], request: Message, canary: tuple[int, ...], expected: str
    ) -> tuple[list[Verdict], bool]:
        """Verdicts of as many as one fork lived to see, and whether its canaries sang as expected."""
        verdicts: list[Verdict] = []
        sung: list[str] = []

        def work(report: Report) -> None:
            cap_memory(MORE_MEMORY)
            for compiled in candidates:
                with swapped(compiled):
                    failed = first_failure(self._suite, request["tests"], request["cpu_s"])
                report({"failed": failed})
            report({"canary": _song(self._suite, canary, request["cpu_s"] + 1.0)})

        def receive(message: Message) -> None:
            if "canary" in message:
                sung.append(message["canary"])
            elif "failed" in message:
                verdicts.append(("pass" if message["failed"] is None else "fail", message["failed"]))

        ending = in_child(work, wall_s=request["wall_s"], receive=receive, inherited=self._descriptors)
        if len(verdicts) < len(candidates):
            verdicts.append(("slow" if ending == "timeout" else "died", request["tests"][0]))
            return verdicts, True
        return verdicts, sung == [expected]

    def _expected(self, canary: tuple[int, ...], request: Message) -> str | None:
        """What the canaries say in a new fork; None where they say something else the second time."""
        if canary not in self._canaries:
            sung: list[str] = []

            def work(report: Report) -> None:
                for _ in range(2):
                    report({"canary": _song(self._suite, canary, request["cpu_s"] + 1.0)})

            in_child(
                work,
                wall_s=request["wall_s"],
                receive=lambda message: sung.append(message.get("canary", "")),
                inherited=self._descriptors,
            )
            self._canaries[canary] = sung[0] if len(sung) == 2 and sung[0] == sung[1] else None
        return self._canaries[canary]


@contextmanager
def swapped(compiled: Compiled) -> Iterator[None]:
    """The candidate's code in place of what lives, until the block ends."""
    before = [(function, function.__code__) for function, _ in compiled.swaps]
    for function, code in compiled.swaps:
        function.__code__ = code
    try:
        yield
    finally:
        for function, code in before:
            function.__code__ = code


def _song(suite: Suite, canary: Sequence[int], cpu_s: float) -> str:
    """How these tests end in this process, errors included."""
    said: list[str] = []

    def tell(index: int, verdict: str, error: BaseException | None) -> bool:
        said.append(f"{index} {verdict} {_ADDRESS.sub('', _shown(error))}")
        return True

    suite.run(canary, lambda _: arm(cpu_s), tell)
    arm(0)
    return "; ".join(said)


def _shown(error: Any) -> str:
    try:
        return f"{type(error).__name__} {error}"[:300]
    except Exception:  # noqa: BLE001  # the message is made by code under repair
        return type(error).__name__
