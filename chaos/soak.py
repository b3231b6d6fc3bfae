"""``python -m chaos.soak``: a steady load on a healthy fleet, and whether its workers stay as large as they were.

Prints memory, open files and tasks of every worker at the start, in the middle and at the end: each the least of half a
minute, to which comes what is open at a moment. Exit status 1 where a deliberation is not closed, or one of these has
grown for good.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chaos.load import open_load
from chaos.plan import Stage
from chaos.rig import Rig, open_rig
from chaos.run import judged, say
from swe_ai_fleet.logs import configure_logs

_WINDOW_S = 30.0
_WARM_SHARE = 0.1
"""Of the time; a process grows until it has seen everything once."""
_MOST_GROWTH = {"rss": 1.15, "files": 1.25, "tasks": 1.25}
"""End over start: more is a leak; noise of allocator and load is less."""


async def soak(folder: Path, *, minutes: float, per_minute: float, seed: int) -> dict[str, Any]:
    """Load a fleet of two workers and measure it."""
    seconds = minutes * 60
    stage = Stage(name="soak", deliberations=round(minutes * per_minute), with_repo=0, seconds=seconds)
    async with open_rig(stage, folder) as rig, open_load(rig, seed=seed) as load:
        for model in rig.models:
            await model.tell(json.dumps({"faults": {}}))
        for _ in range(stage.workers):
            await rig.working(await rig.add_worker())
        say(f"soak: {stage.deliberations} deliberations over {minutes:g} minutes")
        await load.run()
        sizes = {worker.process.name: _sizes(rig, worker.process.pid, seconds) for worker in rig.workers}
        is_drained = await load.drained(120)
        statuses = await rig.stop_workers()
        verdict = await judged(folder, [server.url for server in rig.servers])
    grown = [
        f"{name}: {what} from {first[what]} to {last[what]}"
        for name, (first, *_, last) in sizes.items()
        for what, most in _MOST_GROWTH.items()
        if last[what] > first[what] * most
    ]
    return {
        "minutes": minutes,
        "accepted": verdict["accepted"],
        "closed": verdict["closed"],
        "violations": verdict["violations"],
        "drained": is_drained,
        "exit_statuses": statuses,
        "sizes": sizes,
        "grown": grown,
    }


def _sizes(rig: Rig, pid: int, seconds: float) -> list[dict[str, float]]:
    """A worker at the start, in the middle and at the end."""
    lines = [json.loads(line) for line in (rig.notes / f"sizes-{pid}.jsonl").read_text().splitlines()]
    began = lines[0]["at"]
    ended = lines[-1]["at"]
    starts = (began + _WARM_SHARE * seconds, (began + ended - _WINDOW_S) / 2, ended - _WINDOW_S)
    return [_least([line for line in lines if start <= line["at"] <= start + _WINDOW_S]) for start in starts]


def _least(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    names = ("rss", "files", "tasks")
    return {name: min(line[name] for line in lines) for name in names}


def _table(report: dict[str, Any]) -> str:
    lines = [f"{'worker':12} {'':8} {'start':>10} {'middle':>10} {'end':>10}"]
    for name, sizes in report["sizes"].items():
        for what, unit in (("rss", 1024**2), ("files", 1), ("tasks", 1)):
            row = " ".join(f"{size[what] / unit:10.1f}" for size in sizes)
            lines.append(f"{name:12} {what + (' MiB' if unit > 1 else ''):8} {row}")
    lines.append(f"{report['closed']} of {report['accepted']} closed in {report['minutes']:g} minutes")
    lines += [f"GROWN   {case}" for case in report["grown"]]
    lines += [f"BROKEN  {name}: {cases[:5]}" for name, cases in report["violations"].items() if cases]
    return "\n".join(lines)


def main() -> int:
    """Run it and print its report."""
    parser = argparse.ArgumentParser(prog="python -m chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (20)")
    parser.add_argument("--per-minute", type=float, default=40.0, help="deliberations a minute (40)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="the report as JSON on stdout")
    given = parser.parse_args()
    configure_logs("error", "auto")
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        running = soak(
            Path(folder) / "soak", minutes=given.minutes, per_minute=given.per_minute, seed=given.seed
        )
        report = asyncio.run(running)
    print(json.dumps(report) if given.json else _table(report))
    healthy = report["drained"] and not report["grown"] and not any(report["violations"].values())
    return int(not healthy)


if __name__ == "__main__":
    sys.exit(main())
