"""Checks that QA agents propose, from the question to the ranking, and the same ranking from the record alone."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence

import pytest
from fake_time import fake_time
from in_process_cells import InProcessCells
from small_fleet import Says, ScriptedChecks, SmallFleet, by_agent, small_fleet
from story import Story
from story import task as a_task

from swe_ai_fleet.domain.brief import Assignment, ReviseStep
from swe_ai_fleet.domain.check import Trial
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Checked, Ranked, RoundClosed
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.domain.task import CouncilPlan, RepoRef, Task
from swe_ai_fleet.errors import ModelServerError, SandboxError, SandboxUnavailableError
from swe_ai_fleet.orchestrator.usecases.evidence import evidence_of
from swe_ai_fleet.orchestrator.usecases.result import rebuild
from swe_ai_fleet.ports.cells import Call, CellLimits, CellResult, Program
from swe_ai_fleet.ranking.decide import decide


def code_task(*, agents: int = 3, qa: int = 1, rounds: int = 0) -> Task:
    plan = CouncilPlan(agents=agents, qa=qa, rounds=rounds)
    return a_task(rounds=rounds).model_copy(update={"council": plan})


def function_task(*, qa: int = 1, rounds: int = 0) -> Task:
    return Task(
        id="next",
        description="Write `def following(x: int) -> int:`, the next even number.\n\n>>> following(2)\n4\n",
        entry_point="following",
        council=CouncilPlan(agents=3, qa=qa, rounds=rounds),
    )


def says(**contents: str) -> dict[str, Says]:
    return {name.replace("_", "-"): Says(content=content) for name, content in contents.items()}


async def decided(fleet: SmallFleet, task: Task) -> Result:
    """The result; the record alone gives the same ranking, in any order and doubled."""
    result = await fleet.deliberate.run(fleet.request(task))
    events = await fleet.events()
    ranked = next(event for event in events if isinstance(event, Ranked))
    state = Deliberation.of(events)
    assert decide(evidence_of(state)).model_dump_json() == ranked.ranking.model_dump_json()
    shuffled = [*events, *events]
    random.Random(7).shuffle(shuffled)
    assert rebuild(shuffled) == result
    return result


@fake_time
async def test_a_reproduction_separates_answers_that_pass_every_visible_check() -> None:
    script = by_agent(says(dev_1="one", dev_2="two", dev_3="three", tester_1="passes three"))
    checks = ScriptedChecks(passing=("one", "two", "three"))
    async with small_fleet(script, checks=checks) as fleet:
        result = await decided(fleet, code_task())
        assert result.winner is not None
        assert result.winner.proposal_id == "dev-3.0"
        assert result.ranking[0].score["reproduction"] == 1.0
        assert "reproduction" in {tier.tier for tier in result.tiers}
        assert fleet.checks.tried[0] == ("tester-1.0", "base")
        assert sorted(fleet.checks.tried[1:]) == [("tester-1.0", f"dev-{n}.0") for n in (1, 2, 3)]
        (tried,) = [e for e in await fleet.events() if isinstance(e, Checked) and e.agent_id == "tester-1"]
        assert [trial.on for trial in tried.report.trials or ()] == ["base", "dev-1.0", "dev-2.0", "dev-3.0"]
        cut = next(event for event in await fleet.events() if isinstance(event, RoundClosed))
        assert (cut.included, cut.tried) == (("dev-1.0", "dev-2.0", "dev-3.0"), ("tester-1.0",))


@fake_time
async def test_checks_that_cannot_run_are_told_once_and_change_nothing() -> None:
    answers = says(dev_1="one", dev_2="two", dev_3="three")
    async with small_fleet(by_agent({**answers, **says(tester_1="prose")})) as fleet:
        with_prose = await decided(fleet, code_task())
        assert fleet.checks.tried == [("tester-1.0", "base")]
        (tried,) = [e for e in await fleet.events() if isinstance(e, Checked) and e.agent_id == "tester-1"]
        assert (tried.report.applied, tried.report.reason) == (False, "no test file")
    broken = Says(error=ModelServerError("vllm:tiny", "500"))
    async with small_fleet(by_agent({**answers, "tester-1": broken})) as fleet:
        without = await decided(fleet, code_task())
    assert [p.proposal_id for p in with_prose.ranking] == [p.proposal_id for p in without.ranking]


class FailingTrials(ScriptedChecks):
    """What runs proposed checks on the first answer is lost, or cannot contain anything at all."""

    problem: SandboxError = SandboxError("the worker that ran a check died, twice")

    async def try_checks(self, task: Task, repo: RepoRef, checks: Proposal, answer: Proposal | None) -> Trial:
        if answer is not None and answer.agent_id == "dev-1":
            raise self.problem
        return await super().try_checks(task, repo, checks, answer)


@fake_time
async def test_a_run_that_is_lost_costs_nobody_the_deliberation() -> None:
    script = by_agent(says(dev_1="one", dev_2="two", dev_3="three", tester_1="passes three"))
    checks = FailingTrials(passing=("one", "two", "three"))
    async with small_fleet(script, checks=checks) as fleet:
        result = await decided(fleet, code_task())
        assert result.winner is not None
        assert result.winner.proposal_id == "dev-3.0"
        tried = Deliberation.of(await fleet.events()).tried[0, "tester-1.0"].report.trials or ()
        assert [(trial.on, trial.status.value) for trial in tried][:2] == [
            ("base", "failed"),
            ("dev-1.0", "error"),
        ]
    checks.problem = SandboxUnavailableError("nothing strong enough")
    async with small_fleet(script, checks=checks) as fleet:
        with pytest.raises(SandboxUnavailableError):
            await fleet.deliberate.run(fleet.request(code_task()))


@fake_time
async def test_revisions_are_tried_as_well() -> None:
    told: list[ReviseStep] = []

    def script(assignment: Assignment) -> Says:
        agent = assignment.agent.agent_id
        if isinstance(assignment.step, ReviseStep):
            told.append(assignment.step)
        if agent == "tester-1":
            return Says(content="passes two three")
        return Says(content="two" if agent == "dev-2" else "three" if assignment.round else "one")

    async with small_fleet(script, checks=ScriptedChecks(passing=("one", "two", "three"))) as fleet:
        result = await decided(fleet, code_task(agents=2, rounds=1))
        shown = {place.proposal_id: place.score["reproduction"] for place in result.ranking}
        assert (shown["dev-1.0"], shown["dev-1.1"], shown["dev-2.0"]) == (0.0, 1.0, 1.0)
        assert result.ranking[-1].proposal_id == "dev-1.0"
        cuts = [event for event in await fleet.events() if isinstance(event, RoundClosed)]
        assert [cut.tried for cut in cuts] == [("tester-1.0",), ("tester-1.0",)]
    missed = {step.parent.proposal_id: [tests.cases for tests in step.missed] for step in told}
    assert missed == {"dev-1.0": [("test_shown.py::test_it",)], "dev-2.0": []}


EVEN = "def following(x):\n    return x + 2 - x % 2\n"
ODD = "def following(x):\n    return x + 2\n"


@fake_time
async def test_functions_are_compared_by_what_they_return_on_pooled_inputs() -> None:
    tests = "```python\nassert following(3) == 4\nassert following(8) == 10\nassert following(0) == 2\n```"
    script = by_agent(says(dev_1=ODD, dev_2=f"```python\n{EVEN}```", dev_3=EVEN + "\n# mine", tester_1=tests))
    async with small_fleet(script) as fleet:
        result = await decided(fleet, function_task())
        assert result.winner is not None
        assert result.winner.agent_id in {"dev-2", "dev-3"}
        assert result.winner.patch is None
        state = Deliberation.of(await fleet.events())
        assert state.reports["dev-2.0"].report.outputs["3"] == "4"
        assert state.reports["dev-1.0"].report.outputs["3"] == "5"
        assert state.reports["tester-1.0"].report.outputs == {"3": "4", "8": "10", "0": "2"}
        assert state.reports["base"].report.outputs == {"2": "4"}
        agreement = next(tier for tier in result.tiers if tier.tier == "agreement")
        assert "3 expected outputs of 1 tester counted as votes" in agreement.note
        assert set(agreement.kept) == {"dev-2.0", "dev-3.0"}


@fake_time
async def test_without_testers_functions_still_run_on_made_inputs_and_examples() -> None:
    script = by_agent(says(dev_1="def following(x):\n    return x + 3\n", dev_2=EVEN, dev_3="I cannot."))
    async with small_fleet(script) as fleet:
        result = await decided(fleet, function_task(qa=0))
        assert result.ranking[0].agent_id == "dev-2"
        state = Deliberation.of(await fleet.events())
        assert len(state.reports["dev-2.0"].report.outputs) > 10
        assert not state.reports["dev-3.0"].report.applied
        assert "examples_failed" in result.ranking[0].score


class SlowCells(InProcessCells):
    """Takes its time before the first result."""

    async def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        await asyncio.sleep(5.0)
        async for cell in super().run(programs, calls, limits=limits):
            yield cell


@fake_time
async def test_a_function_that_comes_while_the_matrix_runs_is_run_as_well() -> None:
    late = Says(error=ModelServerError("vllm:tiny", "lost"))
    script = by_agent({**says(dev_1=ODD, dev_2=EVEN, tester_1="assert following(1) == 2"), "dev-3": late})
    async with small_fleet(script, cells=SlowCells()) as fleet, asyncio.TaskGroup() as group:
        story = Story(function_task())
        deciding = group.create_task(fleet.deliberate.run(fleet.request(function_task())))
        await asyncio.sleep(3.0)
        await fleet.record.events.publish(story.proposed(2, EVEN))
        result = await deciding
        state = Deliberation.of(await fleet.events())
    assert state.reports["dev-3.0"].report.outputs == state.reports["dev-2.0"].report.outputs
    assert result.ranking[0].support == pytest.approx(2 / 3, abs=1e-6)


@fake_time
async def test_a_deliberation_that_is_resumed_runs_no_row_again() -> None:
    script = by_agent(says(dev_1=EVEN, dev_2=ODD, dev_3=EVEN, tester_1="assert following(1) == 2"))
    async with small_fleet(script) as whole:
        result = await whole.deliberate.run(whole.request(function_task()))
        events = await whole.events()
    rows = [event for event in events if event.type == "checked"]
    kept = [event for event in events if event.type in {"requested", "started", "proposed"}] + rows[:2]
    async with small_fleet(script) as fleet:
        for event in kept:
            await fleet.record.events.publish(event)
        resumed = await fleet.deliberate.resume("d1")
        assert fleet.agents.asked == []
        again = [event for event in await fleet.events() if event.type == "checked"]
    assert again[:2] == rows[:2]
    assert len(again) == len(rows)
    assert resumed.ranking == result.ranking
