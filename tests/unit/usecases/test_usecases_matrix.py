"""The matrix of a function: rows as they are complete, what is not the same twice left out."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field

import pytest
from fake_time import fake_time, now_s
from in_process_cells import InProcessCells
from small_fleet import Says, small_fleet

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.check import CheckReport, CheckStatus, Trial
from swe_ai_fleet.domain.events import Proposed
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Budget, CouncilPlan, Task
from swe_ai_fleet.errors import SandboxUnavailableError
from swe_ai_fleet.orchestrator.usecases.gathering_async import canonical_texts, report_of, run_matrix
from swe_ai_fleet.ports.cells import Call, CellLimits, CellResult, Program

TWICE, RAISES, LUCK = "def f(x): return 2 * x", "def f(x): return x.none", "def f(x): return luck(x)"
INPUTS = ("1", "2", "'a'")


@dataclass
class LuckyCells:
    """Runs what is honest; a program that knows luck returns something else under every seed, but for 1."""

    ran: list[list[str]] = field(default_factory=list)

    async def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        self.ran.append([program.source for program in programs])
        seed = 0 if limits is None else limits.seed
        for number, program in enumerate(programs):
            if "luck" not in program.source:
                async for cell in InProcessCells().run([program], calls):
                    yield cell.model_copy(update={"program": number})
                continue
            for place, call in enumerate(calls):
                output = "1" if call.arguments == "1" else str(seed)
                yield CellResult(program=number, call=place, status="ok", output=output)


async def test_outputs_that_differ_between_two_runs_are_left_out() -> None:
    rows = {source: row async for source, row in run_matrix(LuckyCells(), [TWICE, LUCK], "f", [INPUTS])}
    assert rows == {TWICE: {"1": "2", "2": "4", "'a'": "'aa'"}, LUCK: {"1": "1"}}


async def test_groups_of_inputs_are_run_apart_and_make_one_row() -> None:
    cells = LuckyCells()
    matrix = run_matrix(cells, [TWICE, RAISES], "f", [INPUTS[:1], INPUTS[1:]])
    rows = {source: row async for source, row in matrix}
    assert cells.ran == [[TWICE, RAISES]] * 4
    assert rows == {TWICE: {"'a'": "'aa'", "1": "2", "2": "4"}, RAISES: {}}


class SleepyCells(InProcessCells):
    """A program that sleeps holds up its own cells only, and no more of them than the limit allows."""

    async def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        awake = [n for n, program in enumerate(programs) if "sleep" not in program.source]
        async for cell in super().run([programs[n] for n in awake], calls, limits=limits):
            yield cell.model_copy(update={"program": awake[cell.program]})
        await asyncio.sleep(60.0)
        for number in set(range(len(programs))) - set(awake):
            for call in range(len(calls)):
                yield CellResult(program=number, call=call, status="timeout")


@fake_time
async def test_a_row_is_told_before_those_that_take_longer() -> None:
    sleeps = "def f(x): return sleep(x)"
    told = [
        (source, now_s()) async for source, _ in run_matrix(SleepyCells(), [sleeps, TWICE], "f", [INPUTS])
    ]
    assert told == [(TWICE, 0.0), (sleeps, 60.0)]


async def test_what_a_runner_raises_is_raised_and_nothing_stays_behind() -> None:
    class Broken(InProcessCells):
        async def run(
            self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
        ) -> AsyncGenerator[CellResult, None]:
            raise SandboxUnavailableError("nothing strong enough")
            yield

    with pytest.raises(SandboxUnavailableError):
        assert [row async for row in run_matrix(Broken(), [TWICE], "f", [INPUTS, INPUTS])] == []


async def test_without_inputs_every_row_is_empty_and_nothing_runs() -> None:
    cells = LuckyCells()
    assert [row async for row in run_matrix(cells, [TWICE], "f", [])] == [(TWICE, {})]
    assert cells.ran == []


async def test_expected_values_take_the_way_of_outputs() -> None:
    assert await canonical_texts(InProcessCells(), ["[1, 2]", "'a'"]) == {"[1, 2]": "[1, 2]", "'a'": "'a'"}


def test_the_report_of_proposed_checks_begins_with_the_unchanged_commit() -> None:
    trials = [
        Trial(on="b.0", status=CheckStatus.PASSED),
        Trial(on="base", status=CheckStatus.FAILED),
        Trial(on="a.0", status=CheckStatus.TIMEOUT),
    ]
    report = report_of("tester-1.0", trials)
    assert [trial.on for trial in report.trials or ()] == ["base", "a.0", "b.0"]
    assert report.applied
    silent = report_of("tester-1.0", [Trial(on="base", status=CheckStatus.ERROR, note="no test file")])
    assert silent == CheckReport(
        proposal_id="tester-1.0", applied=False, reason="no test file", trials=silent.trials
    )


@dataclass
class SlowCells:
    """Runs after a while, in which others may speak."""

    async def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        await asyncio.sleep(2.0)
        async for cell in InProcessCells().run(programs, calls, limits=limits):
            yield cell


@fake_time
async def test_a_tester_that_was_given_up_and_answers_while_the_matrix_runs_is_no_defect() -> None:
    plan = Task(
        id="double",
        description="Write double(x).\n\ndef double(x: int) -> int:\n",
        entry_point="double",
        council=CouncilPlan(agents=2, qa=1),
        budget=Budget(seconds=100),
    )

    def script(asked: Assignment) -> Says:
        lost = asked.agent.duty == "test"
        return Says(error=RuntimeError("lost")) if lost else Says(content="def double(x):\n    return 2 * x")

    async with small_fleet(script, cells=SlowCells()) as fleet:
        requested = fleet.request(plan)
        running = asyncio.create_task(fleet.deliberate.run(requested))
        await asyncio.sleep(2.0)
        (tester,) = requested.council.testers
        who = {"agent_id": tester.agent_id, "role": tester.role, "model": tester.model}
        late = Proposal(
            proposal_id=f"{tester.agent_id}.0", round=0, kind="checks", content="assert double(2) == 4", **who
        )
        common = requested.model_dump(include={"deliberation_id", "task_id", "num_agents", "time"})
        await fleet.record.events.publish(Proposed(proposal=late, **who, **common))
        assert (await running).outcome == "decided"
