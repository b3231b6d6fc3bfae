"""The matrix of programs and calls, run in a few sandboxed servers that fork a child for each program."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swe_ai_fleet.errors import SandboxError
from swe_ai_fleet.ports.cells import Call, CellLimits, CellResult, Program
from swe_ai_fleet.ports.checks import Limits, Sandbox, SandboxProcess

_INSIDE = Path(__file__).resolve().parent / "inside"
_LAUNCHER = Path(__file__).resolve().parent / "launcher"
_START = f"""
import runpy, sys, types
for name in ("swe_ai_fleet", "swe_ai_fleet.sandbox", "swe_ai_fleet.sandbox.launcher"):
    sys.modules[name] = types.ModuleType(name)
sys.modules[name].__path__ = [{str(_LAUNCHER)!r}]
sys.path.insert(0, {str(_INSIDE)!r})
runpy.run_path({str(_INSIDE / "cell_server.py")!r}, run_name="__main__")
"""
"""Nothing of the fleet is importable inside but the launcher, whose filters a cell is held by."""
_LIFE_S = 86400.0
_LINE_BYTES = 64 * 1024**2
_SERVER_BYTES = 256 * 1024**2
_SLACK_S = 30.0
_ATTEMPTS = 3
_QUEUED = 64


class SandboxCellRunner:
    """See :class:`~swe_ai_fleet.ports.cells.CellRunner`."""

    def __init__(self, sandbox: Sandbox, *, concurrency: int | None = None) -> None:
        """At most ``concurrency`` servers run at once; as many as there are CPUs where it is None."""
        self._sandbox = sandbox
        self._concurrency = concurrency or os.cpu_count() or 1
        self.cpu_s = 0.0
        """CPU seconds that all servers and their children have used, over all runs."""

    async def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        """Every program on every call; a batch of results at a time comes out of a bounded queue."""
        if not programs or not calls:
            return
        matrix = _Matrix(programs=programs, calls=calls, limits=limits or CellLimits(), sandbox=self._sandbox)
        owner = asyncio.ensure_future(matrix.run(min(self._concurrency, len(programs))))
        try:
            while (batch := await matrix.results.get()) is not None:
                for result in batch:
                    yield result
            await owner
        finally:
            owner.cancel()
            self.cpu_s += matrix.cpu_s
            with suppress(asyncio.CancelledError):
                await owner


@dataclass(slots=True, kw_only=True)
class _Matrix:
    """One run: the programs that wait, and the results that nobody has taken yet."""

    programs: Sequence[Program]
    calls: Sequence[Call]
    limits: CellLimits
    sandbox: Sandbox
    said: dict[int, int] = field(default_factory=dict)
    """How many results of each program are on the queue, or were."""
    cpu_s: float = 0.0
    results: asyncio.Queue[list[CellResult] | None] = field(
        default_factory=lambda: asyncio.Queue(maxsize=_QUEUED)
    )

    async def run(self, concurrency: int) -> None:
        """Fill the queue; None ends it, unless this is cancelled."""
        waiting = iter(range(len(self.programs)))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(self._work(waiting))
        except ExceptionGroup as errors:
            await self.results.put(None)
            raise errors.exceptions[0] from errors
        await self.results.put(None)

    async def _work(self, waiting: Iterator[int]) -> None:
        """One server at a time, replaced when it is lost."""
        losses = 0
        with tempfile.TemporaryDirectory(prefix="fleet-cells-") as folder:
            number = next(waiting, None)
            while number is not None:
                async with self._server(Path(folder)) as server:
                    was_lost, number = await self._serve(server, number, waiting)
                losses = losses + 1 if was_lost else 0
                if losses >= _ATTEMPTS:
                    raise SandboxError("the servers that run cells end again and again")

    async def _serve(
        self, server: SandboxProcess, number: int | None, waiting: Iterator[int]
    ) -> tuple[bool, int | None]:
        """Have one server run programs; whether it was lost at once, and the program that comes next."""
        served, cpu_s = 0, 0.0
        try:
            await server.send(_line(self._header()))
            while number is not None:
                self.said[number] = 0
                await server.send(_line(self._program(number)))
                cpu_s = await self._collect(server, number)
                served, number = served + 1, next(waiting, None)
        except (SandboxError, TimeoutError):
            if number is not None:
                await self._give_up(number)
            return served == 0, next(waiting, None)
        finally:
            self.cpu_s += cpu_s
        return False, None

    def _server(self, folder: Path) -> Any:
        return self.sandbox.open(
            (sys.executable, "-s", "-S", "-B", "-P", "-c", _START),
            folder=folder,
            limits=Limits(
                wall_s=_LIFE_S,
                cpu_s=_LIFE_S,
                memory_bytes=self.limits.memory_bytes + _SERVER_BYTES,
                processes=32,
                file_bytes=1024**2,
                output_bytes=_LINE_BYTES,
            ),
            env={"PYTHONHASHSEED": str(self.limits.seed)},
            readable=(_INSIDE, _LAUNCHER),
        )

    def _header(self) -> dict[str, Any]:
        return {**self.limits.model_dump(), "calls": [call.arguments for call in self.calls]}

    def _program(self, number: int) -> dict[str, Any]:
        program = self.programs[number]
        return {"number": number, "source": program.source, "entry_point": program.entry_point}

    async def _collect(self, server: SandboxProcess, number: int) -> float:
        """Put one program's results on the queue as they come; the CPU seconds that the server has used so far."""
        patience_s = _SLACK_S + 20 * self.limits.load_s + 20 * self.limits.cell_s * self.limits.timeouts
        while True:
            line = await server.receive(timeout_s=patience_s)
            if not line:
                raise SandboxError("a server that runs cells has ended")
            message = json.loads(line)
            if message["first"] < 0:
                return float(message["cpu_s"])
            cells = [
                CellResult.model_construct(
                    program=number, call=message["first"] + at, status=status, output=output, is_none=is_none
                )
                for at, (status, output, is_none) in enumerate(message["cells"])
            ]
            await self.results.put(cells)
            self.said[number] += len(cells)

    async def _give_up(self, number: int) -> None:
        """What a lost server has not said of a program."""
        missing = range(self.said.get(number, 0), len(self.calls))
        await self.results.put([CellResult(program=number, call=call, status="killed") for call in missing])


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"
