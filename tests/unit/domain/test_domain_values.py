"""Tasks, councils and the state that events amount to."""

import pytest
from pydantic import ValidationError
from story import Story, task

from swe_ai_fleet.domain.council import assemble_council, derive_seed
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import EVENT_TYPES, Event, event_adapter
from swe_ai_fleet.domain.task import CouncilPlan, Task


def test_the_same_seed_deals_the_same_council_and_another_seed_another() -> None:
    a_task = task(agents=5)
    models = ["vllm:a", "vllm:b"]
    council = assemble_council(a_task, models, seed=1)
    assert council == assemble_council(a_task, models, seed=1)
    assert council != assemble_council(a_task, models, seed=2)
    assert [a.model for a in council.agents] == ["vllm:a", "vllm:b", "vllm:a", "vllm:b", "vllm:a"]
    assert [a.shard for a in council.agents] == [0, 1, 2, 3, 4]


def test_a_council_of_searching_agents_needs_one_answer_unless_told_otherwise() -> None:
    assert assemble_council(task(agents=5), ["offline:repair"], seed=1).quorum == 1
    assert assemble_council(task(agents=5, quorum=4), ["offline:repair"], seed=1).quorum == 4
    assert assemble_council(task(agents=5), ["vllm:a"], seed=1).quorum == 3


def test_testers_are_not_proposers_whatever_their_role_is_called() -> None:
    plan = CouncilPlan(agents=2, qa=2, roles=("QA",))
    council = assemble_council(Task(description="x", council=plan), ["vllm:a"], seed=1)
    assert [a.agent_id for a in council.proposers] == ["qa-1", "qa-2"]
    assert [a.agent_id for a in council.testers] == ["tester-1", "tester-2"]


def test_a_quorum_above_the_council_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="quorum 4 is above the 3 agents"):
        CouncilPlan(agents=3, quorum=4)


def test_a_description_over_the_limit_is_refused_with_its_size() -> None:
    with pytest.raises(ValidationError, match="2097152 bytes"):
        Task(description="x" * 2 * 1024 * 1024)


def test_derived_seeds_do_not_mix_up_their_parts() -> None:
    assert derive_seed(1, "ab", "c") != derive_seed(1, "a", "bc")
    assert 0 <= derive_seed(1) < 2**31


def whole_story() -> list[Event]:
    story = Story()
    return [
        story.requested(),
        story.started(),
        story.base(),
        story.proposed(0),
        story.checked(0, passed=True),
        story.critiqued(1, 0),
        story.failed(2),
        story.cut(["dev-1.0"]),
        story.cancelled(),
    ]


def test_events_survive_a_trip_through_json() -> None:
    for event in whole_story():
        assert event.type in EVENT_TYPES
        assert event_adapter.validate_json(event.model_dump_json()) == event


def test_a_second_event_of_the_same_key_changes_nothing() -> None:
    story = Story()
    state = Deliberation.of([story.requested(), story.proposed(0, "first")])
    assert not state.apply(story.proposed(0, "second"))
    assert state.proposals["dev-1.0"].content == "first"


def test_late_answers_are_kept_but_do_not_count() -> None:
    story = Story()
    events: list[Event] = [story.requested(), story.proposed(0), story.cut(["dev-1.0"]), story.proposed(1)]
    state = Deliberation.of(events)
    assert set(state.proposals) == {"dev-1.0", "dev-2.0"}
    assert [p.proposal_id for p in state.included()] == ["dev-1.0"]


def test_usage_counts_everything_that_was_paid_for() -> None:
    story = Story()
    state = Deliberation.of([story.requested(), story.proposed(0, tokens=5), story.proposed(1, tokens=7)])
    assert state.usage().total_tokens == 12
    assert state.usage().requests == 2
