"""What comes next, as a function of what has happened and how long it took."""

from collections.abc import Callable

import pytest
from story import Story, task

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.domain.phases import deadlines_s, soft_s
from swe_ai_fleet.domain.quorum import has_quorum
from swe_ai_fleet.domain.steps import (
    Ask,
    CheckBase,
    CheckProposal,
    Close,
    CloseRound,
    CutReason,
    NextStep,
    Rank,
    Start,
    next_steps,
    peers_to_review,
)


def steps(
    events: list[Event], *, at: float = 1.0, safe: bool = False, tokens_per_round: int = 0
) -> list[NextStep]:
    state = Deliberation.of(events)
    return next_steps(state, elapsed_s=at, is_safe=lambda _: safe, tokens_per_round=tokens_per_round)


def asked(found: list[NextStep]) -> list[tuple[str, str]]:
    return [(step.agent.agent_id, step.step) for step in found if isinstance(step, Ask)]


def proposing(story: Story) -> list[Event]:
    return [story.requested(), story.started(), story.base()]


def test_a_request_is_started_then_its_base_is_checked_then_all_agents_are_asked_at_once() -> None:
    story = Story()
    assert steps([story.requested()]) == [Start()]
    assert steps([story.requested(), story.started()]) == [CheckBase()]
    assert asked(steps(proposing(story))) == [
        ("dev-1", "propose"),
        ("dev-2", "propose"),
        ("dev-3", "propose"),
    ]


def test_a_task_without_code_asks_without_a_base_check() -> None:
    story = Story(task(code=False))
    assert len(asked(steps([story.requested(), story.started()]))) == 3


def test_each_answer_is_checked_while_others_still_think() -> None:
    story = Story()
    found = steps([*proposing(story), story.proposed(1)])
    assert CheckProposal(proposal_id="dev-2.0") in found
    assert asked(found) == [("dev-1", "propose"), ("dev-3", "propose")]


def test_a_round_in_which_everybody_has_spoken_and_everything_is_checked_is_complete() -> None:
    story = Story()
    events = [
        *proposing(story),
        story.proposed(0),
        story.checked(0, passed=True),
        story.failed(1),
        story.failed(2),
    ]
    assert steps(events) == [CloseRound(round=0, reason="complete")]


def test_the_hard_deadline_cuts_whatever_is_missing() -> None:
    story = Story()
    assert steps([*proposing(story), story.proposed(0)], at=100.0) == [CloseRound(round=0, reason="deadline")]


def test_the_soft_deadline_cuts_only_with_a_quorum_and_a_safe_decision() -> None:
    story = Story(task(quorum=2, soft_seconds=10.0))
    one = [*proposing(story), story.proposed(0), story.checked(0, passed=True)]
    two = [*one, story.proposed(1), story.checked(1, passed=True)]
    cut = [CloseRound(round=0, reason="safe")]
    assert steps(two, at=10.0, safe=True) == cut
    assert steps(two, at=9.9, safe=True) != cut
    assert steps(two, at=10.0, safe=False) != cut
    assert steps(one, at=10.0, safe=True) != cut


def test_who_may_still_change_its_answer_is_told_to_whoever_says_that_it_is_safe() -> None:
    story = Story(task(rounds=1, soft_seconds=50.0, code=False))
    events: list[Event] = [story.requested(), story.started(), *(story.proposed(i) for i in range(3))]
    events.append(story.cut(["dev-1.0", "dev-2.0", "dev-3.0"]))
    moving: list[int] = []

    def is_safe(movers: int) -> bool:
        moving.append(movers)
        return movers < 2

    def ask(*verdicts: str) -> list[NextStep]:
        said = [story.critiqued(i, 1 - i, verdict=verdict) for i, verdict in enumerate(verdicts)]
        return next_steps(Deliberation.of([*events, *said]), elapsed_s=50.0, is_safe=is_safe)

    assert len(asked(ask())) == 3
    assert ask("accept", "accept") == [CloseRound(round=1, reason="safe")]
    assert len(asked(ask("accept", "reject"))) == 1
    assert moving == [3, 1, 2]


def test_an_answer_that_came_after_the_cut_makes_no_quorum() -> None:
    story = Story(task(agents=3, quorum=2, code=False))
    events: list[Event] = [story.requested(), story.started(), story.proposed(0)]
    assert not has_quorum(Deliberation.of(events))
    late = story.proposed(1)
    assert has_quorum(Deliberation.of([*events, late]))
    assert not has_quorum(Deliberation.of([*events, story.cut(["dev-1.0"]), late]))


def test_a_refusal_counts_for_the_quorum_but_a_crash_of_nobody_does() -> None:
    story = Story(task(quorum=2))
    state = Deliberation.of([*proposing(story), story.proposed(0), story.failed(1)])
    assert has_quorum(state)
    assert not has_quorum(Deliberation.of([*proposing(story), story.failed(0), story.failed(1)]))


def test_searching_agents_stop_soon_after_one_of_them_has_a_verified_answer() -> None:
    story = Story(model="offline:repair")
    events = [*proposing(story), story.proposed(0), story.checked(0, passed=True, at=3.0)]
    assert soft_s(Deliberation.of(events)) == pytest.approx(7.9)
    assert soft_s(Deliberation.of(events[:-1])) == 50.0
    assert steps(events, at=7.95, safe=True) == [CloseRound(round=0, reason="safe")]


def in_round_one(story: Story) -> list[Event]:
    events: list[Event] = [*proposing(story)]
    for index in range(3):
        events += [
            story.proposed(index, f"fix{index}"),
            story.checked(index, passed=False, content=f"fix{index}"),
        ]
    return [*events, story.cut(["dev-1.0", "dev-2.0", "dev-3.0"])]


def test_round_one_critiques_first_then_asks_for_revisions_then_checks_them() -> None:
    story = Story(task(rounds=1))
    events = in_round_one(story)
    assert {kind for _, kind in asked(steps(events))} == {"critique"}
    events += [story.critiqued(0, 1), story.critiqued(1, 2), story.critiqued(2, 0)]
    assert asked(steps(events)) == [("dev-1", "revise"), ("dev-2", "revise"), ("dev-3", "revise")]
    events.append(story.revised(0))
    assert CheckProposal(proposal_id="dev-1.1") in steps(events)


def test_nobody_revises_what_passes_and_is_accepted() -> None:
    story = Story(task(rounds=1, code=False))
    events: list[Event] = [story.requested(), story.started()]
    events += [story.proposed(i) for i in range(3)] + [
        story.cut(["dev-1.0", "dev-2.0", "dev-3.0"], checked=[])
    ]
    events += [story.critiqued(i, (i + 1) % 3, verdict="accept") for i in range(3)]
    assert steps(events) == [CloseRound(round=1, reason="complete")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda story, events: [*events[:-1], story.cut(["dev-1.0"])], "alone"),
        (
            lambda story, events: (
                [e for e in events if e.type != "checked"] + [story.checked(0, passed=True)]
            ),
            "agreed",
        ),
    ],
)
def test_a_further_round_is_skipped_where_it_cannot_help(
    change: Callable[[Story, list[Event]], list[Event]], reason: CutReason
) -> None:
    story = Story(task(rounds=1))
    events = [*change(story, in_round_one(story)), story.base()]
    assert steps(events, safe=True) == [CloseRound(round=1, reason=reason)]


def test_a_further_round_that_the_budget_cannot_hold_is_skipped() -> None:
    story = Story(task(rounds=1, tokens=1000))
    assert steps(in_round_one(story), tokens_per_round=1001) == [CloseRound(round=1, reason="budget")]
    assert asked(steps(in_round_one(story), tokens_per_round=1000))


def test_the_end_is_rank_then_close_then_nothing() -> None:
    story = Story()
    events = [*proposing(story), story.proposed(0), story.checked(0, passed=True), story.cut(["dev-1.0"])]
    assert steps(events) == [Rank()]


def test_a_cancelled_deliberation_is_closed_at_once_wherever_it_is() -> None:
    story = Story()
    for length in range(1, 4):
        assert steps([*proposing(story)[:length], story.cancelled()]) == [Close()]


def test_a_base_check_that_never_ends_closes_at_the_deadline() -> None:
    story = Story()
    assert steps([story.requested(), story.started()], at=100.0) == [Close()]


def test_no_agent_reviews_itself_and_at_most_four_peers() -> None:
    story = Story(task(agents=7, rounds=1, code=False))
    events: list[Event] = [story.requested(), story.started(), *(story.proposed(i) for i in range(7))]
    state = Deliberation.of([*events, story.cut([f"dev-{i + 1}.0" for i in range(7)])])
    for agent in state.council.proposers:
        peers = peers_to_review(state, agent)
        assert len(peers) == 4
        assert agent.agent_id not in {p.agent_id for p in peers}


def test_deadlines_are_ascending_and_end_with_the_hard_one() -> None:
    moments = deadlines_s(Deliberation.of(proposing(Story(task(rounds=2)))))
    assert moments == sorted(moments)
    assert moments[-1] == 100.0
