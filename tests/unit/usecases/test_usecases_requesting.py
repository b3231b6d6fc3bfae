"""From a task to the first event: ids, councils and budgets."""

from datetime import UTC, datetime

import pytest
from story import REPO, task

from swe_ai_fleet.domain.events import Requested
from swe_ai_fleet.domain.task import Constraints, Task
from swe_ai_fleet.errors import BudgetError
from swe_ai_fleet.orchestrator.usecases.requesting import (
    new_deliberation_id,
    request_deliberation,
    task_id_of,
)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def requested(a_task: Task, *models: str, max_tokens: int = 100) -> tuple[Requested, tuple[str, ...]]:
    return request_deliberation(
        a_task,
        deliberation_id="d1",
        models=models or ("vllm:tiny",),
        repo=REPO if a_task.repo else None,
        seed=7,
        now=NOW,
        max_tokens=max_tokens,
    )


def test_a_task_is_named_by_its_user_or_by_its_first_words() -> None:
    assert task_id_of(task()) == "reorder"
    derived = task_id_of(Task(description="Fix the reorder level, please; it is wrong."))
    assert derived.startswith("fix-the-reorder-level-")
    assert derived == task_id_of(Task(description="Fix the reorder level, please; it is wrong."))
    assert task_id_of(Task(description="修理它")).isascii()


@pytest.mark.parametrize("description", ["x" * 500, "ä" * 100, "---", "a b c d e f"])
def test_every_task_and_deliberation_id_may_stand_in_a_subject(description: str) -> None:
    a_task = Task(description=description)
    for name in (task_id_of(a_task), new_deliberation_id(a_task)):
        assert Task(id=name, description="x").id == name
    assert new_deliberation_id(a_task) != new_deliberation_id(a_task)


def test_without_a_limit_the_council_is_the_planned_one() -> None:
    event, notes = requested(task(agents=5))
    assert (event.num_agents, len(event.council.agents), notes) == (5, 5, ())


def test_a_budget_that_holds_a_quorum_shrinks_the_council_and_says_so() -> None:
    event, notes = requested(task(agents=5, quorum=2, code=False, tokens=350))
    assert (event.num_agents, len(event.council.agents)) == (3, 3)
    assert event.council.proposers == event.council.agents
    assert notes == ("the token budget of 350 holds 3 of 5 agents",)


def test_a_budget_that_cannot_hold_a_quorum_is_refused_with_what_would_do() -> None:
    with pytest.raises(BudgetError, match="cannot hold the quorum of 3 agents") as caught:
        requested(task(agents=5, quorum=3, code=False, tokens=200))
    wanted = int(str(caught.value).split("Raise it to ")[1].split()[0])
    event, _ = requested(task(agents=5, quorum=3, code=False, tokens=wanted))
    assert event.num_agents == 3


def test_what_else_stands_in_every_prompt_is_paid_for_too() -> None:
    rich = task(agents=4, code=False, tokens=10_000)
    rich = rich.model_copy(update={"constraints": Constraints(rubric="word " * 12_000)})
    with pytest.raises(BudgetError, match="cannot hold the quorum"):
        requested(rich)


def test_of_a_council_in_batches_the_first_batch_has_to_fit() -> None:
    def batched(tokens: int) -> Task:
        plain = task(agents=20, quorum=1, code=False, tokens=tokens)
        return plain.model_copy(update={"council": plain.council.model_copy(update={"batch": 10})})

    with pytest.raises(BudgetError, match="cannot hold the first batch with its 10 agents") as caught:
        requested(batched(300))
    wanted = int(str(caught.value).split("Raise it to ")[1].split()[0])
    event, notes = requested(batched(wanted))
    assert (len(event.council.agents), notes) == (20, ())


def test_agents_that_search_cost_no_tokens() -> None:
    event, notes = requested(task(agents=5, tokens=1), "offline:repair")
    assert (event.num_agents, notes) == (5, ())
    mixed, _ = requested(task(agents=4, quorum=2, tokens=1), "offline:repair", "vllm:tiny")
    assert [agent.model for agent in mixed.council.agents] == ["offline:repair"] * 2
