"""The harness in the sandbox, as the search talks to it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from sandboxes import strongest

from swe_ai_fleet.repair.baseline import establish
from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.cold import open_cold
from swe_ai_fleet.repair.harness import Harness, open_harness
from swe_ai_fleet.repair.job import RepairJob
from swe_ai_fleet.repair.plan import plan_of
from swe_ai_fleet.repair.said import HarnessError
from swe_ai_fleet.repair.source import Edit, Source

pytestmark = pytest.mark.sandbox

SHOP = "RATE = 2\n\n\ndef price(n, seen=[]):\n    total = n + 1\n    return total\n"
TESTS = """\
import pytest, shop

@pytest.mark.parametrize("n", [1, 2])
def test_price(n):
    assert shop.price(n) == n * shop.RATE + (n == 2)

def test_other():
    assert shop.price(0) is not None
"""
CASES = """\
import unittest, shop

class Prices(unittest.TestCase):
    def test_one(self):
        self.assertEqual(shop.price(1), 2)

    def test_two(self):
        self.assertEqual(shop.price(2), 5)
"""


def _write(folder: Path) -> None:
    (folder / "shop.py").write_text(SHOP)
    if not list(folder.glob("test_*.py")):
        (folder / "test_shop.py").write_text(TESTS)


@asynccontextmanager
async def _harness(
    folder: Path, command: str = "python -m pytest -q", mode: Literal["warm", "cold"] = "warm"
) -> AsyncIterator[Harness]:
    _write(folder)
    plan = plan_of(command)
    assert plan is not None
    async with open_harness(strongest(), folder, plan, mode=mode, wall_s=120) as harness:
        yield harness


def _candidate(old: str, new: str) -> Candidate:
    start = SHOP.index(old)
    return Candidate(
        edits=(Edit("shop.py", start, start + len(old), new),), families=("x",), suspects=(), cost=0.0
    )


async def _verdicts(harness: Harness, *candidates: Candidate, once: bool = True) -> list[str]:
    more = {"tests": [1, 0], "canary": [1, 2]} if harness.collected.tests else {"ids": None}
    tried = [t async for t in harness.attempt(iter(candidates), cpu_s=0.5, wall_s=20, once=once, **more)]
    order = {candidate.edits: place for place, candidate in enumerate(candidates)}
    return [t.verdict for t in sorted(tried, key=lambda t: order[t.candidate.edits])]


async def test_candidates_are_swapped_in_and_judged_by_the_tests(tmp_path: Path) -> None:
    async with _harness(tmp_path) as harness:
        verdicts = await _verdicts(
            harness,
            _candidate("n + 1", "n - 1"),
            _candidate("n + 1", "n * RATE + (n == 2)"),
            _candidate("n + 1", "(n  +  1)"),
            _candidate("n + 1", "n +"),
            _candidate("total = n + 1", "while True: total = n"),
            _candidate("total = n + 1", "import os; os._exit(0)"),
            _candidate("RATE = 2", "RATE = 3"),
            _candidate("return total", "return n * RATE + (n == 2)"),
        )
    assert verdicts == ["fail", "pass", "same", "bad", "slow", "died", "fresh", "pass"]


async def test_traces_that_a_candidate_leaves_do_not_hide_a_right_one(tmp_path: Path) -> None:
    async with _harness(tmp_path) as harness:
        verdicts = await _verdicts(
            harness,
            _candidate("total = n + 1", "global RATE; RATE = 7; total = n"),
            _candidate("n + 1", "n * RATE + (n == 2)"),
        )
    assert verdicts == ["fail", "pass"]


async def test_a_cold_harness_imports_everything_for_each_candidate(tmp_path: Path) -> None:
    async with _harness(tmp_path, mode="cold") as harness:
        right = _candidate("n + 1", "n * RATE + (n == 2)")
        assert await _verdicts(harness, _candidate("RATE = 2", "RATE = 3"), right) == ["fail", "pass"]
    assert (tmp_path / "shop.py").read_text() == SHOP


async def test_a_cold_harness_that_is_left_in_the_middle_of_a_candidate_leaves_no_edit(
    tmp_path: Path,
) -> None:
    _write(tmp_path)
    plan = plan_of("python -m pytest -q")
    assert plan is not None
    deadline = asyncio.get_running_loop().time() + 60
    job = RepairJob(folder=tmp_path, failing=(), description="", deadline=deadline)
    sources = {"shop.py": Source("shop.py", SHOP)}
    async with open_cold(job, plan, sources, strongest()) as harness:
        slow = _candidate("RATE = 2", "import time; time.sleep(600)")
        trying = asyncio.ensure_future(_verdicts(harness, slow))
        async with asyncio.timeout(60):
            while (tmp_path / "shop.py").read_text() == SHOP:  # noqa: ASYNC110 - another process edits it
                await asyncio.sleep(0.01)
        trying.cancel()
    assert (tmp_path / "shop.py").read_text() == SHOP


@pytest.mark.parametrize("command", ["python -m pytest -q", "python -m unittest"])
async def test_the_baseline_knows_what_fails_which_lines_run_and_what_kinds_there_are(
    tmp_path: Path, command: str
) -> None:
    if "unittest" in command:
        (tmp_path / "test_cases.py").write_text(CASES)
    async with _harness(tmp_path, command) as harness:
        baseline = await establish(harness, files=["shop.py"], known={}, seconds=60)
        kinds = harness.types["shop.py"][4]
    assert [run.test.rsplit("_", 1)[1] for run in baseline.failing] in (["price[2]"], ["two"])
    assert baseline.failing[0].lines == {"shop.py": frozenset({5, 6})}
    assert baseline.failing[0].error.startswith("AssertionError")
    assert baseline.touching({"shop.py": range(5, 6)}) == [run.index for run in baseline.passing]
    assert baseline.touching({"shop.py": range(1, 2)}) == []
    assert kinds["total"] == {"int"}


async def test_behaviours_are_compared_on_inputs_that_no_test_has(tmp_path: Path) -> None:
    async with _harness(tmp_path) as harness:
        candidates = [_candidate("n + 1", "1 + n"), _candidate("n + 1", "n * 2")]
        seen = await harness.behave(candidates, tests=[0, 1], passing=[0], seed=0, cpu_s=0.5, seconds=30)
    assert len(seen.from_passing) > 20
    assert seen.outputs[0] == seen.outputs[-1] != seen.outputs[1]


async def test_a_suite_that_cannot_be_collected_is_told(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="exit code 4"):
        async with _harness(tmp_path, "python -m pytest --no-such-option"):
            pytest.fail("it was opened")
