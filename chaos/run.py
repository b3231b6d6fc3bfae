"""One run: stage after stage, each judged while its record is still there, then all of it as one report."""

import asyncio
import json
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path
from statistics import median
from typing import Any

from chaos.load import describe, open_load
from chaos.plan import Stage
from chaos.processes import ROOT, plain_environment, python
from chaos.rig import open_rig
from chaos.strikes import Strikes

_DRAIN_S = 240.0


async def run(stages: tuple[Stage, ...], *, seed: int, keep: Path | None, at_once: int = 1) -> dict[str, Any]:
    """Carry the plan out; what the stages wrote down stays in ``keep``, where that is given.

    ``at_once`` stages run side by side; each has servers, workers and a load of its own.
    """
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        return await _run(stages, seed, keep, at_once)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        return await _run(stages, seed, Path(folder), at_once)


async def _run(stages: tuple[Stage, ...], seed: int, folder: Path, at_once: int) -> dict[str, Any]:
    began = time.monotonic()
    turns = asyncio.Semaphore(at_once)

    async def in_turn(stage: Stage) -> dict[str, Any]:
        async with turns:
            say(describe(stage))
            return await run_stage(stage, folder / stage.name, seed=seed)

    async with asyncio.TaskGroup() as group:
        tasks = {stage.name: group.create_task(in_turn(stage)) for stage in stages}
    reports = {name: task.result() for name, task in tasks.items()}
    return {"seed": seed, "seconds": round(time.monotonic() - began), **_summed(reports), "stages": reports}


async def run_stage(stage: Stage, folder: Path, *, seed: int) -> dict[str, Any]:
    """One fleet from its start to its verdict."""
    began = time.monotonic()
    async with open_rig(stage, folder) as rig, open_load(rig, seed=seed) as load:
        for _ in range(stage.workers):
            await rig.working(await rig.add_worker())
        strikes = Strikes(rig)
        async with asyncio.TaskGroup() as group:
            group.create_task(load.run())
            group.create_task(strikes.run())
        if not await load.drained(_DRAIN_S):
            say(f"{stage.name}: not all closed and off the queue {_DRAIN_S:g} s after the last fault")
        own_ends = {worker.process.name: worker.own_ends for worker in rig.workers if worker.own_ends}
        statuses = await rig.stop_workers()
        report = await judged(folder, [server.url for server in rig.servers])
    report["exit_statuses"] += statuses
    report["ended_by_themselves"] = own_ends
    if any(status != 0 for status in report["exit_statuses"]):
        report["violations"]["workers leave with exit status 0"] = [str(report["exit_statuses"])]
    report["seconds"] = round(time.monotonic() - began)
    broken = [name for name, cases in report["violations"].items() if cases]
    ends = f"{report['closed']} of {report['accepted']} closed, {report['outcomes']}"
    say(f"{stage.name}: {ends}; broken: {broken or 'nothing'}")
    return report


async def judged(folder: Path, urls: list[str]) -> dict[str, Any]:
    """What the checker says, in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *python("-m", "chaos.judge", str(folder), *urls),
        env=plain_environment(),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode:
        msg = f"the checker ended with {process.returncode}"
        raise RuntimeError(msg)
    report: dict[str, Any] = json.loads(said)
    return report


def _summed(reports: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """All stages as one."""
    names = ("accepted", "closed", "proposals_stored", "proposals_acknowledged", "calls", "answers_stored")
    whole: dict[str, Any] = {name: sum(report[name] for report in reports.values()) for name in names}
    for name in ("answers_paid_twice", "answers_lost"):
        whole[name] = sum(report[name] for report in reports.values())
    violations: defaultdict[str, list[str]] = defaultdict(list)
    seconds: defaultdict[str, list[float | None]] = defaultdict(list)
    counts: Counter[str] = Counter()
    for report in reports.values():
        for name, cases in report["violations"].items():
            violations[name] += cases
        for row in report["faults"]:
            seconds[row["kind"]] += row["seconds"]
            counts[row["kind"]] += row["count"]
    whole["violations"] = dict(violations)
    whole["faults"] = [_row(kind, counts[kind], waits) for kind, waits in seconds.items()]
    whole["faults_injected"] = sum(row["count"] for row in whole["faults"])
    whole["kinds"] = len(whole["faults"])
    return whole


def _row(kind: str, count: int, waits: list[float | None]) -> dict[str, Any]:
    known = [wait for wait in waits if wait is not None]
    return {
        "kind": kind,
        "count": count,
        "median_s": round(median(known), 2) if known else None,
        "worst_s": round(max(known), 2) if known else None,
        "not_recovered": len(waits) - len(known),
    }


def table(report: dict[str, Any]) -> str:
    """The report for people."""
    lines = [f"{'fault':34} {'count':>6} {'median s':>9} {'worst s':>9} {'never':>6}"]
    for row in sorted(report["faults"], key=lambda row: (row["kind"].startswith("model:"), row["kind"])):
        middle, worst = (("-" if s is None else f"{s:.2f}") for s in (row["median_s"], row["worst_s"]))
        lines.append(
            f"{row['kind']:34} {row['count']:6} {middle:>9} {worst:>9} {row['not_recovered'] or '':>6}"
        )
    lines += [
        "",
        f"seed {report['seed']}, {report['seconds']} s",
        f"faults: {report['faults_injected']} of {report['kinds']} kinds",
        f"deliberations: {report['accepted']} accepted, {report['closed']} closed",
        f"proposals: {report['proposals_acknowledged']} acknowledged, {report['proposals_stored']} stored",
        f"model calls: {report['calls']}; answers stored {report['answers_stored']},"
        f" paid twice {report['answers_paid_twice']}, lost {report['answers_lost']}",
    ]
    lines += [
        f"nats away for a minute: {one['answers']} answers came meanwhile, {one['lost']} lost;"
        f" a worker had at most {one['rss_mib_worst']} MiB, {one['rss_mib_before']} before"
        for stage in report["stages"].values()
        for one in stage["outages"]
    ]
    undone = sum(len(stage["not_carried_out"]) for stage in report["stages"].values())
    lines += [f"strikes that could not be carried out here: {undone}"] if undone else []
    for name, cases in report["violations"].items():
        lines.append(f"{'BROKEN' if cases else 'holds '}  {name}")
        lines += [f"          {case}" for case in cases[:20]]
    return "\n".join(lines)


def say(text: str) -> None:
    """Progress, to stderr."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)
