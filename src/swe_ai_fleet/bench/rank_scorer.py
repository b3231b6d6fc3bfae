"""The scorer: the one process that reads the hidden tests.

``python -m swe_ai_fleet.bench.rank_scorer FILE`` answers each line ``{"task_id", "programs"}`` on stdin with
a line ``{"task_id", "passed"}`` on stdout. The ranker talks to it only after it has ranked everything.
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from swe_ai_fleet.bench.rank_problems import HiddenTest, read_hidden_tests
from swe_ai_fleet.errors import FleetError, SandboxError
from swe_ai_fleet.ports.cells import Call, CellLimits, CellRunner, Program
from swe_ai_fleet.sandbox.cells import SandboxCellRunner
from swe_ai_fleet.sandbox.options import SandboxOptions
from swe_ai_fleet.sandbox.selection import choose_sandbox

_LIMITS = CellLimits(cell_s=3.0, load_s=3.0)
_LINE_BYTES = 64 * 1024**2
_PASSES = "fleet_passes"


class Scorer:
    """The scorer's process, from the ranker's side."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Talk to a process that runs :func:`main`."""
        self._process = process

    async def passed(self, task_id: str, programs: Sequence[str]) -> list[bool]:
        """Whether each program passes the problem's hidden tests.

        Raises:
            SandboxError: the scorer has ended; the message is what it said.
        """
        stdin, stdout, stderr = self._process.stdin, self._process.stdout, self._process.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        stdin.write(json.dumps({"task_id": task_id, "programs": list(programs)}).encode() + b"\n")
        try:
            await stdin.drain()
            line = await stdout.readline()
        except ConnectionError:
            line = b""
        if not line:
            said = (await stderr.read()).decode(errors="replace").strip()
            raise SandboxError(f"the scorer ended: {said[-400:] or 'it said nothing'}")
        return [bool(one) for one in json.loads(line)["passed"]]


@asynccontextmanager
async def open_scorer(path: Path, options: SandboxOptions) -> AsyncIterator[Scorer]:
    """Start the scorer on the hidden tests of ``path``; it is ended on leaving."""
    pipe = asyncio.subprocess.PIPE
    command = (sys.executable, "-m", "swe_ai_fleet.bench.rank_scorer", str(path), options.model_dump_json())
    process = await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, limit=_LINE_BYTES
    )
    try:
        yield Scorer(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def score(test: HiddenTest, programs: Sequence[str], runner: CellRunner) -> list[bool]:
    """Run each program with the hidden test behind it; it passes if the test comes to its end."""
    check = f"\n{test.source}\n\ndef {_PASSES}():\n    check({test.entry_point})\n    return True\n"
    modules = [Program(source=f"{program}{check}", entry_point=_PASSES) for program in programs]
    passed = [False] * len(modules)
    async for cell in runner.run(modules, [Call(arguments="")], limits=_LIMITS):
        passed[cell.program] = cell.status == "ok" and cell.output == "True"
    return passed


async def serve(path: Path, options: SandboxOptions) -> None:
    """Answer questions from stdin until it ends."""
    tests = read_hidden_tests(path)
    runner = SandboxCellRunner(choose_sandbox(options), concurrency=options.concurrency)
    while line := await asyncio.to_thread(sys.stdin.readline):
        question = json.loads(line)
        passed = await score(tests[question["task_id"]], question["programs"], runner)
        sys.stdout.write(json.dumps({"task_id": question["task_id"], "passed": passed}) + "\n")
        sys.stdout.flush()


def main() -> int:
    """Entry point of the scorer's process."""
    try:
        asyncio.run(serve(Path(sys.argv[1]), SandboxOptions.model_validate_json(sys.argv[2])))
    except FleetError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
