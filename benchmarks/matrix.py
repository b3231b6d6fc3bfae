"""The matrix of candidates and inputs, in the sandbox and in bare forked children: wall and CPU seconds, memory.

    python benchmarks/matrix.py FILE.jsonl.gz [--samples 100] [--problems N]

FILE is one that `swe-fleet bench rank` takes. Both run the same programs on the same inputs, problem by problem.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from swe_ai_fleet.bench.rank_observing import observe
from swe_ai_fleet.bench.rank_problems import read_problems
from swe_ai_fleet.ports.cells import Call, CellLimits, CellResult, Program
from swe_ai_fleet.sandbox.cells import SandboxCellRunner
from swe_ai_fleet.sandbox.options import SandboxOptions
from swe_ai_fleet.sandbox.selection import choose_sandbox

BARE = Path(__file__).with_name("bare_cells.py")


@dataclass
class Noting:
    """A runner that notes what it is asked for, and what that took."""

    runner: SandboxCellRunner
    asked: list[tuple[Sequence[Program], Sequence[Call], CellLimits]] = field(default_factory=list)
    cells: int = 0
    wall_s: float = 0.0

    async def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        limits = limits or CellLimits()
        self.asked.append((programs, calls, limits))
        began = time.perf_counter()
        async for cell in self.runner.run(programs, calls, limits=limits):
            self.cells += cell.status in ("ok", "raised")
            yield cell
        self.wall_s += time.perf_counter() - began


def bare(asked: Sequence[tuple[Sequence[Program], Sequence[Call], CellLimits]]) -> tuple[float, int]:
    """CPU seconds of the same in bare forks, and how many cells have a result."""
    limits = asked[0][2]
    runs = [
        {
            "entry_point": programs[0].entry_point,
            "calls": [call.arguments for call in calls],
            "programs": [program.source for program in programs],
        }
        for programs, calls, _ in asked
        if programs and calls
    ]
    request = {"cell_s": limits.cell_s, "load_s": limits.load_s, "timeouts": limits.timeouts, "runs": runs}
    done = subprocess.run(
        [sys.executable, "-s", "-S", str(BARE)],
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    return said["cpu_s"], said["cells"]


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--problems", type=int)
    args = parser.parse_args()
    runner = SandboxCellRunner(choose_sandbox(SandboxOptions()))
    bare_s = wall_s = 0.0
    cells = bare_cells = 0
    problems = read_problems(args.file)[: args.problems]
    for problem in problems:
        noting = Noting(runner)
        await observe(problem, noting, samples=args.samples, seed=0)
        wall_s, cells = wall_s + noting.wall_s, cells + noting.cells
        plain_s, plain_cells = await asyncio.to_thread(bare, noting.asked)
        bare_s, bare_cells = bare_s + plain_s, bare_cells + plain_cells
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    ratio = runner.cpu_s / bare_s
    print(
        f"{len(problems)} problems, {args.samples} candidates: {cells:,} cells in {wall_s:.1f} s of wall time"
    )
    print(
        f"bare forks: {bare_cells:,} cells; CPU {runner.cpu_s:.1f} s against {bare_s:.1f} s: {ratio:.2f} times"
    )
    print(f"the largest process had {most / 1024:.0f} MiB")


if __name__ == "__main__":
    asyncio.run(main())
