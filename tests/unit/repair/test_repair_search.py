"""The course of a search over candidates whose verdicts are given."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from swe_ai_fleet.repair.baseline import Baseline
from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.harness import Harness
from swe_ai_fleet.repair.localise import CaseRun
from swe_ai_fleet.repair.said import Tried
from swe_ai_fleet.repair.search import Search
from swe_ai_fleet.repair.source import Edit

FAILING = CaseRun(index=0, test="t::fails", verdict="failed", cpu_s=0.001)
PASSING = CaseRun(index=1, test="t::passes", verdict="passed", cpu_s=0.001)


@dataclass
class Judge:
    """Stands in for the interpreter: the verdict on a candidate is the text of its edit."""

    asked: list[tuple[str, object]] = field(default_factory=list)

    async def attempt(self, candidates: Iterator[Candidate], **how: Any) -> AsyncIterator[Tried]:
        for candidate in candidates:
            text = candidate.edits[0].text
            whole = "ids" in how and how["ids"] is None
            self.asked.append((text, "whole" if whole else how.get("ids") or how["cpu_s"]))
            verdict, _, then = text.partition(" ")
            if "ids" in how:
                verdict = "fail" if whole and then == "breaks" else "pass"
            yield Tried(
                candidate=candidate, verdict=cast("Any", verdict), test=0 if verdict == "fail" else None
            )
            await asyncio.sleep(0)


def search(judge: Judge, *texts: str) -> Search:
    @asynccontextmanager
    async def open_cold() -> AsyncIterator[Harness]:
        yield cast("Harness", judge)

    edits = [Edit("shop.py", 10 * place, 10 * place + 1, text) for place, text in enumerate(texts)]
    candidates = [Candidate(edits=(edit,), families=("x",), suspects=(), cost=1.0) for edit in edits]
    return Search(
        harness=cast("Harness", judge),
        open_cold=open_cold,
        baseline=Baseline(failing=(FAILING,), passing=(PASSING,), traced_all=False),
        sources={},
        candidates=iter(candidates),
        belongs=lambda _: False,  # pairs are somebody else's
        deadline=asyncio.get_running_loop().time() + 60,
    )


@pytest.mark.parametrize("verdict", ["slow", "died"])
async def test_what_no_test_has_decided_against_is_given_more_time_once(verdict: str) -> None:
    judge = Judge()
    assert await search(judge, verdict, "same").run() == []
    limits = [how for text, how in judge.asked if text == verdict]
    assert len(limits) == 2
    assert limits[0] < limits[1]  # type: ignore[operator]


async def test_what_needs_a_new_import_has_to_pass_the_whole_suite() -> None:
    judge = Judge()
    [found] = await search(judge, "fresh breaks", "fresh").run()
    assert found.candidate.edits[0].text == "fresh"
    assert found.touching == 1
    assert ("fresh breaks", "whole") in judge.asked


async def test_a_search_goes_on_where_nothing_held() -> None:
    judge = Judge()
    going_on = search(judge, "fresh", "slow", "bad")
    assert len(await going_on.run()) == 1
    going_on.go_on()
    assert await going_on.run() == []
    assert [text for text, _ in judge.asked].count("bad") == 1
