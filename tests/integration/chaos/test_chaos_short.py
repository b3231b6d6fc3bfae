"""The short form of ``make chaos``: a fleet of processes is broken for a minute, and nothing is lost or done twice."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from chaos.plan import Kind, short_plan, whole_plan

ROOT = Path(__file__).parents[3]


async def broken_fleet(folder: Path, *args: str) -> tuple[int | None, dict[str, Any]]:
    """``python -m chaos --short``: its exit status and its report."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "chaos", "--short", "--json", "--keep", str(folder), *args),
        cwd=ROOT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    report: dict[str, Any] = json.loads(said)
    return process.returncode, report


@pytest.mark.nats
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_whatever_dies_every_deliberation_ends_once_and_nothing_acknowledged_is_lost(
    tmp_path: Path,
) -> None:
    status, report = await broken_fleet(tmp_path / "kept")
    assert {name: cases for name, cases in report["violations"].items() if cases} == {}
    assert status == 0
    assert report["accepted"] == report["closed"] == sum(stage.deliberations for stage in short_plan(1))
    struck = {row["kind"] for row in report["faults"]}
    assert {Kind.WORKER_KILLED, Kind.NATS_KILLED, Kind.LEADER_KILLED, Kind.QUOTA_FULL} <= struck


def test_the_same_seed_breaks_the_same_things_at_the_same_moments() -> None:
    assert whole_plan(7) == whole_plan(7)
    assert whole_plan(7) != whole_plan(8)


def test_the_whole_plan_breaks_more_than_a_dozen_kinds_of_things_under_500_deliberations() -> None:
    stages = whole_plan(1)
    assert {strike.kind for stage in stages for strike in stage.strikes} == set(Kind)
    assert sum(stage.deliberations for stage in stages) >= 500
