"""Candidates of a repair tried a second, in the sandbox and by a bare loop of forks without one.

    python benchmarks/candidates.py [--repetitions 5]

Both try the same single edits of the bookings example on its failing test, one core each, turn by turn.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from swe_ai_fleet.repair.baseline import Baseline, establish
from swe_ai_fleet.repair.candidates import Candidate, single_edits
from swe_ai_fleet.repair.harness import Harness, open_harness
from swe_ai_fleet.repair.localise import localise
from swe_ai_fleet.repair.plan import plan_of
from swe_ai_fleet.repair.source import Source, apply_edits
from swe_ai_fleet.sandbox.options import SandboxOptions
from swe_ai_fleet.sandbox.selection import choose_sandbox

EXAMPLE = Path(__file__).parents[1] / "examples/bookings/rooms"
FILE = "rooms/bookings.py"
BARE = Path(__file__).with_name("bare_forks.py")


def bare(root: Path, test: str, texts: list[str]) -> tuple[float, int]:
    """Seconds, and how many failed."""
    request = json.dumps({"root": str(root), "file": FILE, "test": test, "texts": texts})
    done = subprocess.run(
        [sys.executable, str(BARE)], input=request, capture_output=True, text=True, check=True
    )
    said = json.loads(done.stdout)
    return said["seconds"], len(said["failed"])


async def contained(harness: Harness, baseline: Baseline, candidates: list[Candidate]) -> tuple[float, int]:
    """The same in the sandbox, verdict by verdict; nothing is skipped for behaving like another one."""
    began, failed = time.perf_counter(), 0
    cpu_s = 0.05 + 8 * baseline.failing_s
    async for tried in harness.attempt(
        iter(candidates),
        cpu_s=cpu_s,
        wall_s=4 * cpu_s + 2,
        once=False,
        tests=baseline.first,
        canary=baseline.canary,
    ):
        failed += tried.verdict != "pass"
    return time.perf_counter() - began, failed


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=5)
    repetitions = parser.parse_args().repetitions
    plan = plan_of("python -m pytest -q -p no:cacheprovider")
    assert plan is not None
    with tempfile.TemporaryDirectory(prefix="fleet-bench-") as temporary:
        root = Path(shutil.copytree(EXAMPLE, Path(temporary) / "rooms"))
        source = Source(FILE, (root / FILE).read_text())
        sandbox = choose_sandbox(SandboxOptions())
        async with open_harness(sandbox, root, plan, mode="warm", wall_s=600) as harness:
            baseline = await establish(harness, files=[FILE], known={}, seconds=30)
            suspects = localise({FILE: source}, [*baseline.failing, *baseline.passing], text="")
            candidates = list(single_edits(suspects, harness.types))
            texts = [apply_edits(source.text, list(c.edits)) for c in candidates]
            ratios: list[float] = []
            for turn in range(repetitions + 1):
                plain_s, plain_failed = bare(root, baseline.failing[0].test, texts)
                held_s, held_failed = await contained(harness, baseline, candidates)
                rates = f"{len(texts) / plain_s:6.0f}/s bare, {len(texts) / held_s:6.0f}/s in the sandbox"
                name = f"turn {turn}" if turn else "warm-up"
                print(
                    f"{name}: {len(texts)} candidates, {plain_failed} and {held_failed} fail, {rates}",
                    flush=True,
                )
                ratios += [plain_s / held_s] if turn else []
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"in the sandbox {statistics.median(ratios):.2f} of the bare loop ({spread}), per core")


if __name__ == "__main__":
    asyncio.run(main())
