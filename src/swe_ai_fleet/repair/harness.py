"""The fleet's side of the harness: starts it in the sandbox, asks, and reads what it says."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from swe_ai_fleet.ports.checks import Limits, Sandbox, SandboxProcess
from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.localise import CaseRun
from swe_ai_fleet.repair.plan import SuitePlan
from swe_ai_fleet.repair.said import (
    Behaviours,
    Collected,
    HarnessError,
    Tried,
    UnimportableError,
    collected,
    receive,
)

INSIDE = Path(__file__).parent / "inside"

_BATCH = 24
_BATCH_S = 0.5
_AHEAD = 2
"""Batches that are under way at once, so that the harness never waits for us."""
_START_S = 120.0
_MUTANTS = 250
_MEMORY_BYTES = 4 * 1024**3
_OUTPUT_BYTES = 64 * 1024**2


@dataclass(slots=True, kw_only=True)
class Harness:
    """One warm or cold interpreter in the sandbox; one request at a time."""

    process: SandboxProcess
    root: Path
    collected: Collected
    types: dict[str, dict[int, dict[str, frozenset[str]]]] = field(default_factory=dict, init=False)
    """Type names of variables by file, first line of the function and name, of everything that was traced."""
    _pace_s: float = field(default=0.05, init=False)
    """Seconds that a candidate takes, of late."""
    _owed: int = field(default=0, init=False)
    """Answers that are still to come to requests whose asker has gone away."""

    def require_importable(self) -> None:
        """Raise where the suite is not whole.

        Raises:
            UnimportableError: a part of it cannot be imported.
            HarnessError: threads run once it is imported, so that it cannot be forked.
        """
        for error in self.collected.errors:
            frames = [(self._relative(file), line) for file, line in error["frames"]]
            own = tuple((file, line) for file, line in frames if file is not None)
            raise UnimportableError(str(error["where"]), str(error["error"]), own)
        if self.collected.threads:
            raise HarnessError(f"{self.collected.threads} threads run once the suite is imported")

    async def profile(
        self,
        tests: Sequence[int] | Sequence[str],
        *,
        files: Sequence[str] | None,
        cpu_s: float,
        seconds: float,
        args: Sequence[str] = (),
    ) -> list[CaseRun]:
        """Run tests on the unchanged code, tracing the lines of ``files`` where given, for about ``seconds``."""
        await self._settle()
        request = {"op": "profile", "tests": tests, "ids": tests or None, "files": files, "cpu_s": cpu_s,
                   "seconds": seconds, "args": args}  # fmt: skip
        await self._send(request)
        runs: list[CaseRun] = []
        ids: Sequence[str] = self.collected.tests
        while True:
            message = await self._receive(seconds + 8 * cpu_s + 30)
            if "done" in message:
                self._owed -= 1
                return runs
            if "types" in message:
                self._learn(message["types"])
            elif "tests" in message:
                ids = message["tests"]
            elif "test" in message:
                runs.append(self._run_of(message, ids))

    def _learn(self, types: dict[str, dict[str, dict[str, list[str]]]]) -> None:
        for file, functions in types.items():
            for line, variables in functions.items():
                known = self.types.setdefault(file, {}).setdefault(int(line), {})
                for name, kinds in variables.items():
                    known[name] = known.get(name, frozenset()) | frozenset(kinds)

    def _run_of(self, message: dict[str, Any], ids: Sequence[str]) -> CaseRun:
        frames = [(self._relative(file), line) for file, line in message.get("frames", [])]
        return CaseRun(
            index=message["test"],
            test=ids[message["test"]],
            verdict=message["verdict"],
            cpu_s=message["cpu_s"],
            lines={file: frozenset(lines) for file, lines in message["lines"].items()},
            frames=tuple((file, line) for file, line in frames if file is not None),
            error=message.get("error", ""),
            slow=message.get("slow", False),
        )

    def _relative(self, file: str) -> str | None:
        try:
            return Path(file).relative_to(self.root).as_posix()
        except ValueError:
            return None

    async def attempt(
        self, candidates: Iterator[Candidate], *, cpu_s: float, wall_s: float, once: bool = True, **more: Any
    ) -> AsyncIterator[Tried]:
        """Try candidates in order; the answers come in about that order.

        Args:
            candidates: taken as they are needed.
            cpu_s: limit on the CPU seconds of one test.
            wall_s: limit on the seconds in which a candidate's process says nothing, of which it does once a test.
            once: skip what behaves like one that was tried before.
            more: ``tests`` (indices, warm) or ``ids`` and ``args`` (cold): what decides.
        """
        await self._settle()
        under_way: deque[int] = deque()
        by_number: dict[int, Candidate] = {}
        number = 0
        while True:
            while len(under_way) < _AHEAD and (batch := list(islice(candidates, self._batch()))):
                numbered = list(enumerate(batch, start=number))
                number += len(batch)
                by_number.update(numbered)
                under_way.append(len(batch))
                lines = [[n, [[e.file, e.start, e.end, e.text] for e in c.edits]] for n, c in numbered]
                request = {"op": "try", "candidates": lines, "cpu_s": cpu_s, "wall_s": wall_s, "once": once}
                await self._send({**request, **more})
            if not under_way:
                return
            asked = _now()
            message = await self._receive(_BATCH * (wall_s + cpu_s) + 30)
            results = message.get("results", ())
            if results:
                self._pace_s = (self._pace_s + (_now() - asked) / len(results)) / 2
            for n, verdict, test in results:
                yield Tried(candidate=by_number.pop(n), verdict=verdict, test=test)
            if "done" in message:
                self._owed -= 1
                under_way.popleft()

    def _batch(self) -> int:
        """How many candidates to send at once: few where each takes long, so that the search can stop in time."""
        return max(1, min(_BATCH, int(_BATCH_S / max(self._pace_s, 0.001))))

    async def behave(
        self,
        candidates: Sequence[Candidate],
        *,
        tests: Sequence[int],
        passing: Sequence[int],
        seed: int,
        cpu_s: float,
        seconds: float,
    ) -> Behaviours:
        """What the candidates make of inputs that ``tests`` give their function, and of mutants of these.

        Empty where the function cannot be called on its own or its arguments cannot be copied. After ``seconds`` the
        candidates whose turn has not come are left out.
        """
        await self._settle()
        lines = [[n, [[e.file, e.start, e.end, e.text] for e in c.edits]] for n, c in enumerate(candidates)]
        request = {
            "op": "behave", "candidates": lines, "tests": tests, "passing": passing, "seed": seed, "mutants": _MUTANTS,
            "cpu_s": cpu_s, "test_cpu_s": 0.5, "wall_s": 20.0, "seconds": seconds,
        }  # fmt: skip
        await self._send(request)
        from_passing: list[bool] = []
        outputs: dict[int, list[str]] = {}
        while True:
            message = await self._receive(_START_S)
            if "done" in message:
                self._owed -= 1
                return Behaviours(from_passing=tuple(from_passing), outputs=outputs)
            if "inputs" in message:
                from_passing = message["inputs"]
            elif "number" in message and len(message["outputs"]) == len(from_passing):
                outputs[message["number"]] = message["outputs"]

    async def watch(
        self, candidates: Mapping[int, Candidate], *, tests: Sequence[int], cpu_s: float
    ) -> dict[int, frozenset[bool]]:
        """By number, the truth values that a watched condition takes in the tests, where it is met at all."""
        await self._settle()
        lines = [[n, [[e.file, e.start, e.end, e.text] for e in c.edits]] for n, c in candidates.items()]
        request = {
            "op": "watch",
            "candidates": lines,
            "tests": tests,
            "cpu_s": cpu_s,
            "wall_s": 2 * cpu_s + 5,
        }
        await self._send(request)
        seen: dict[int, frozenset[bool]] = {}
        while True:
            message = await self._receive(_START_S)
            if "done" in message:
                self._owed -= 1
                return seen
            if message.get("seen"):
                seen[message["number"]] = frozenset(message["seen"])

    async def _settle(self) -> None:
        """Read what is still owed to requests that nobody waits for any more."""
        while self._owed:
            if "done" in await self._receive(_START_S):
                self._owed -= 1

    async def _send(self, request: dict[str, Any]) -> None:
        self._owed += 1
        await self.process.send(json.dumps(request).encode() + b"\n")

    async def _receive(self, timeout_s: float) -> dict[str, Any]:
        return await receive(self.process, timeout_s)


def _now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def open_harness(
    sandbox: Sandbox, folder: Path, plan: SuitePlan, *, mode: Literal["warm", "cold"], wall_s: float
) -> AsyncIterator[Harness]:
    """Start the harness in ``folder``; it is killed on leaving and after ``wall_s`` at the latest.

    Raises:
        HarnessError: the suite cannot be collected, or its interpreter lacks what the harness needs.
        SandboxError: it could not be started.
    """
    root = _as_seen(folder)
    limits = Limits(
        wall_s=wall_s,
        cpu_s=4 * wall_s + 60,
        memory_bytes=_MEMORY_BYTES,
        output_bytes=_OUTPUT_BYTES,
    )
    argv = [*plan.python, str(INSIDE / "start.py"), "cwd" if plan.with_cwd else "no-cwd"]
    env = {**plan.env, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0"}
    async with sandbox.open(argv, folder=root, limits=limits, env=env, readable=(INSIDE,)) as process:
        wanted = {"mode": mode, "framework": plan.framework, "args": plan.arguments}
        await process.send(json.dumps(wanted).encode() + b"\n")
        ready = await receive(process, min(_START_S, wall_s))
        if not ready.get("ready"):
            raise HarnessError(f"the suite cannot be held warm: {ready.get('why', 'it did not start')}")
        yield Harness(process=process, root=root, collected=collected(ready))


def _as_seen(folder: Path) -> Path:
    """The folder as the harness tells it: without symbolic links."""
    return folder.resolve()
