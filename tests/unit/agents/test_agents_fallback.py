"""An agent that is several."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from assignments import assignment, critique_step, proposal

from swe_ai_fleet.domain.brief import Assignment, CritiqueStep, JudgeStep, ProposeStep, ReviseStep
from swe_ai_fleet.domain.lesson import Lesson
from swe_ai_fleet.domain.outcome import Reviewed
from swe_ai_fleet.domain.proposal import Proposal, Usage
from swe_ai_fleet.domain.review import Showing
from swe_ai_fleet.errors import AgentRefusedError, ModelServerError
from swe_ai_fleet.orchestrator.agents.fallback_agent import FallbackAgent
from swe_ai_fleet.orchestrator.agents.parsing import UnusableAnswerError
from swe_ai_fleet.ports.findings import Findings


class Alone:
    """Nobody to learn from."""

    async def share(self, lesson: Lesson) -> None:
        raise AssertionError(lesson)

    @asynccontextmanager
    async def of_peers(self) -> AsyncIterator[AsyncIterator[Lesson]]:
        raise AssertionError
        yield


ALONE = Alone()


class Link:
    """Answers, or raises what it was given."""

    def __init__(self, name: str, error: Exception | None = None) -> None:
        self.name = name
        self.error = error
        self.asked: list[Assignment] = []
        self.is_closed = False

    async def propose(self, assignment: Assignment, step: ProposeStep, _findings: Findings, /) -> Proposal:
        self._answer(assignment)
        return proposal(self.name)

    async def critique(self, assignment: Assignment, step: CritiqueStep) -> Reviewed:
        self._answer(assignment)
        return Reviewed(critiques=(), usage=Usage(requests=1))

    async def judge(self, assignment: Assignment, step: JudgeStep) -> Reviewed:
        self._answer(assignment)
        return Reviewed(usage=Usage(requests=1))

    async def revise(self, assignment: Assignment, step: ReviseStep) -> Proposal:
        self._answer(assignment)
        return proposal(self.name)

    async def close(self) -> None:
        self.is_closed = True

    def _answer(self, assignment: Assignment) -> None:
        self.asked.append(assignment)
        if self.error is not None:
            raise self.error


def down() -> Any:
    return ModelServerError("vllm:tiny", "it is on fire")


async def test_the_first_that_can_answers() -> None:
    links = [Link("a", down()), Link("b", AgentRefusedError("No.", "Ask c.")), Link("c"), Link("d")]
    answer = await FallbackAgent(links).propose(assignment(), ProposeStep(), ALONE)
    assert answer.agent_id == "c"
    assert not links[3].asked


async def test_each_link_has_its_share_of_the_time() -> None:
    links = [Link("a", down()), Link("b", down()), Link("c")]
    asked = assignment(seconds=30)
    await FallbackAgent(links).propose(asked, ProposeStep(), ALONE)
    due = [link.asked[0].deadline for link in links]
    assert due[0] < asked.deadline - timedelta(seconds=15)
    assert due[0] < due[1] < due[2] == asked.deadline


async def test_what_failed_attempts_cost_is_on_the_bill() -> None:
    unusable = UnusableAnswerError("vllm:tiny", "noise")
    unusable.usage = Usage(requests=2, completion_tokens=50)
    step = critique_step("ada")
    reviewed = await FallbackAgent([Link("a", unusable), Link("b")]).critique(assignment(step), step)
    assert reviewed.usage == Usage(requests=3, completion_tokens=50)


async def test_a_refusal_of_the_last_tells_what_came_before() -> None:
    agent = FallbackAgent([Link("a", down()), Link("b", AgentRefusedError("No test fails.", "Add one."))])
    with pytest.raises(AgentRefusedError, match=r"No test fails\. Before it: vllm:tiny.*on fire"):
        await agent.propose(assignment(), ProposeStep(), ALONE)


async def test_a_judge_whose_model_is_away_is_replaced_by_the_next_link() -> None:
    step = JudgeStep(showings=(Showing(judge="dev-1", first="ada.0", second="bob.0"),), texts={})
    links = [Link("a", down()), Link("b")]
    assert (await FallbackAgent(links).judge(assignment(step), step)).usage.requests >= 1
    assert len(links[1].asked) == 1


async def test_closing_closes_every_link() -> None:
    links = [Link("a"), Link("b")]
    await FallbackAgent(links).close()
    assert all(link.is_closed for link in links)
