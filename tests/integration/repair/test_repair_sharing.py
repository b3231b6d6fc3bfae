"""Agents of one council that search: a repair whose parts lie with different agents is found by what they share."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sandboxes import git, make_repository, strongest
from story import Story

from swe_ai_fleet.domain.brief import Assignment, Brief, ProposeStep
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.events import Learnt, Proposed
from swe_ai_fleet.domain.outcome import Answered, Outcome
from swe_ai_fleet.domain.task import Check, RepoRef, Task
from swe_ai_fleet.messaging.in_memory import open_in_memory_record
from swe_ai_fleet.orchestrator.agents.answering import answer
from swe_ai_fleet.orchestrator.agents.recorded_findings import RecordedFindings
from swe_ai_fleet.orchestrator.agents.repair_agent import RepairAgent
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.ports.record import EventLog
from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.source import Edit
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces

SHARDS = 2
WRONG = "def price(count, each):\n    return count + each - 5\n"
RIGHT = "def price(count, each):\n    return count * each + 5\n"
TESTS = (
    "from shop import price\n\n\ndef test_few():\n    assert price(3, 4) == 17\n\n\n"
    "def test_many():\n    assert price(10, 7) == 75\n\n\ndef test_none():\n    assert price(0, 9) == 5\n"
)


def _part(before: str, after: str) -> int:
    """The shard of the edit that turns one operator into another."""
    place = WRONG.index(before)
    edit = Edit("shop.py", place, place + 1, after)
    candidate = Candidate(edits=(edit,), families=("operator",), suspects=(), cost=0.0)
    return next(shard for shard in range(SHARDS) if candidate.belongs_to(shard, SHARDS))


def _assignment(repo: RepoRef, shard: int) -> Assignment:
    task = Task(description="price() is wrong.", checks=(Check(name="c", command="python -m pytest -q"),))
    return Assignment(
        deliberation_id="d1",
        task_id="t1",
        num_agents=SHARDS,
        round=0,
        agent=AgentSpec(
            agent_id=f"dev-{shard}", role="DEV", model="offline:repair", shard=shard, shards=SHARDS
        ),
        brief=Brief(task=task, repo=repo),
        step=ProposeStep(),
        deadline=datetime.now(UTC) + timedelta(seconds=50),
    )


@pytest.mark.sandbox
async def test_a_repair_in_two_parts_is_found_although_no_agent_has_both(tmp_path: Path) -> None:
    assert _part("+", "*") != _part("-", "+")
    folder = make_repository(tmp_path / "repo", {"shop.py": WRONG, "test_shop.py": TESTS})
    repo = await resolve_repo(str(folder), relative_to=tmp_path)
    async with open_in_memory_record() as record:
        outcomes = await _search(repo, tmp_path, record.events)
        lessons = [e for e in await record.events.history("d1") if isinstance(e, Learnt)]
    assert {lesson.agent_id for lesson in lessons} == {"dev-0", "dev-1"}
    assert all(sum(e.lesson.kills.values()) >= e.lesson.tried // 2 for e in lessons)
    [found] = [outcome.proposal for outcome in outcomes if isinstance(outcome, Answered)]
    (tmp_path / "fix.patch").write_text(found.content)
    git(folder, "apply", str(tmp_path / "fix.patch"))
    assert (folder / "shop.py").read_text() == RIGHT


async def _search(repo: RepoRef, folder: Path, events: EventLog) -> list[Outcome]:
    sandbox, workspaces = strongest(), GitWorkspaces(folder / "cache")
    outcomes: list[Outcome] = []

    async def search(asked: Assignment) -> None:
        agent = RepairAgent(asked.agent, sandbox=sandbox, workspaces=workspaces)
        outcomes.append(await answer(agent, asked, events=events, clock=SystemClock()))
        if isinstance(outcomes[-1], Answered):
            for other in searches:
                other.cancel()

    async with asyncio.TaskGroup() as group:
        searches = [group.create_task(search(_assignment(repo, shard))) for shard in range(SHARDS)]
    return outcomes


async def _all(lessons: AsyncIterator[object]) -> list[object]:
    return [lesson async for lesson in lessons]


async def test_a_peer_that_has_ended_is_not_waited_for() -> None:
    told = Story()
    asked = _assignment(RepoRef(url="/srv/shop", commit="c" * 40), 0).model_copy(
        update={
            "num_agents": 3,
            "agent": AgentSpec(agent_id="dev-1", role="DEV", model="offline:repair"),
        }
    )
    async with open_in_memory_record() as record:
        findings = RecordedFindings(asked, events=record.events, clock=SystemClock())
        await findings.share(told.learnt(0).lesson)
        await record.events.publish(told.failed(1))
        await record.events.publish(told.learnt(2))
        async with findings.of_peers() as lessons:
            assert await _all(lessons) == [told.learnt(2).lesson]
        kinds = [type(event) for event in await record.events.history("d1")]
    assert Proposed not in kinds
    assert kinds.count(Learnt) == 2
