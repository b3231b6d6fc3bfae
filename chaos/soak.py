"""``python -m chaos.soak``: a steady load on a healthy fleet, and whether its workers stay as large as they were.

Prints memory, open files and tasks of every worker before the load, at its start, in its middle, at its end (each the
least of half a minute, to which comes what is open at a moment), and after it. Exit status 1 where a deliberation is
not closed, where memory grew between start and end, or where more files or tasks are left after the load than before.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
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
_IDLE_S = 10.0
"""Without work, before and after; connections to models are kept longer, so that a few files may stay."""
_MOST_MEMORY = 1.15
"""End over start: more is a leak; noise of allocator and load is less."""
_MOST_LEFT = {"files": 4, "tasks": 2}
"""More after than before the load: a connection to each of three model servers; a clean run leaves none."""


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
        await asyncio.sleep(_IDLE_S)
        began = time.time()
        await load.run()
        ended = time.time()
        is_drained = await load.drained(120)
        await asyncio.sleep(_IDLE_S)
        sizes = {w.process.name: _sizes(rig, w.process.pid, began, ended) for w in rig.workers}
        statuses = await rig.stop_workers()
        verdict = await judged(folder, [server.url for server in rig.servers])
    grown = [case for name, seen in sizes.items() for case in _grown(name, *seen)]
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


def _sizes(rig: Rig, pid: int, began: float, ended: float) -> list[dict[str, float]]:
    """A worker before the load, at its start, in its middle, at its end, and after it."""
    lines = [json.loads(line) for line in (rig.notes / f"sizes-{pid}.jsonl").read_text().splitlines()]
    last = lines[-1]["at"]
    windows = (
        (began - _IDLE_S, began),
        *(
            (at, at + _WINDOW_S)
            for at in (began + _WARM_SHARE * (ended - began), (began + ended - _WINDOW_S) / 2)
        ),
        (ended - _WINDOW_S, ended),
        (last - _IDLE_S / 2, last),
    )
    return [_least([line for line in lines if start <= line["at"] <= end]) for start, end in windows]


def _grown(
    name: str,
    before: dict[str, float],
    start: dict[str, float],
    _middle: dict[str, float],
    end: dict[str, float],
    after: dict[str, float],
) -> list[str]:
    """What has grown for good."""
    cases = [
        f"{name}: {what} from {before[what]} before to {after[what]} after"
        for what, most in _MOST_LEFT.items()
        if after[what] > before[what] + most
    ]
    if end["rss"] > start["rss"] * _MOST_MEMORY:
        cases.append(f"{name}: memory from {start['rss']} to {end['rss']} bytes")
    return cases


def _least(lines: Sequence[dict[str, Any]]) -> dict[str, float]:
    names = ("rss", "files", "tasks")
    return {name: min(line[name] for line in lines) for name in names}


def _table(report: dict[str, Any]) -> str:
    head = " ".join(f"{word:>10}" for word in ("before", "start", "middle", "end", "after"))
    lines = [f"{'worker':12} {'':8} {head}"]
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
