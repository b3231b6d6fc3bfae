"""What people see of a deliberation under way, at the two widths that terminals have."""

import io
from datetime import timedelta

import pytest
from rich.console import Console
from shown_results import RESULT, shown
from story import T0, Story, task

from swe_ai_fleet.cli.board import agent_rows, describe, shown_rows, summary
from swe_ai_fleet.cli.progress import Lines, draw, open_progress
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Closed, Event
from swe_ai_fleet.domain.outcome import Cancelled, Crashed, Refused, TimedOut
from swe_ai_fleet.domain.ranking import (
    AgentReport,
    Saved,
)
from swe_ai_fleet.domain.review import Ballot, Showing


def story() -> tuple[Story, list[Event]]:
    told = Story(task(agents=6, rounds=1))
    return told, [
        told.requested(),
        told.started(),
        told.base(),
        told.proposed(0, tokens=1200),
        told.proposed(1),
        told.proposed(2),
        told.checked(0, passed=True),
        told.checked(1, passed=False),
        told.failed(3, Refused(reason="no\x1bthing")),
        told.failed(4, TimedOut(after_s=50)),
    ]


def states(events: list[Event]) -> dict[str, tuple[str, str]]:
    return {row.agent_id: (row.state, row.detail) for row in agent_rows(Deliberation.of(events))}


def test_the_board_says_how_every_agent_stands() -> None:
    _, events = story()
    assert states(events) == {
        "dev-1": ("proposed", "2 of 2 cases pass"),
        "dev-2": ("proposed", "1 of 2 cases pass"),
        "dev-3": ("proposed", "checking"),
        "dev-4": ("refused", "no\\x1bthing"),
        "dev-5": ("timed out", "no answer within 50 s"),
        "dev-6": ("thinking", ""),
    }


def test_the_board_follows_the_rounds() -> None:
    told, events = story()
    events += [told.cut(["dev-1.0", "dev-2.0", "dev-3.0"]), told.critiqued(0, 1), told.revised(1)]
    found = states(events)
    assert found["dev-1"][0] == "revising"
    assert found["dev-2"] == ("revised", "checking")
    assert found["dev-3"][0] == "reviewing"
    assert found["dev-4"][0] == "refused"
    assert summary(Deliberation.of(events)) == "round 1 of 1"


def test_searching_agents_search() -> None:
    told = Story(model="offline:repair")
    assert set(states([told.requested(), told.started()]).values()) == {("searching", "")}
    assert set(states([told.requested()]).values()) == {("waiting", "")}


def test_a_large_council_is_cut_to_the_height_of_the_terminal() -> None:
    told = Story(task(agents=40))
    events: list[Event] = [told.requested(), told.started(), told.proposed(30), told.checked(30, passed=True)]
    rows, rest = shown_rows(agent_rows(Deliberation.of(events)), most=5)
    assert [row.agent_id for row in rows] == ["dev-1", "dev-2", "dev-3", "dev-31"]
    assert rest == "and 36 more: 36 thinking"
    stream = io.StringIO()
    Console(file=stream, width=80).print(draw(Deliberation.of(events), [], "", now=T0, height=24))
    assert len(stream.getvalue().splitlines()) <= 24


@pytest.mark.parametrize("width", [80, 140])
def test_the_board_fits_the_terminal(width: int) -> None:
    _, events = story()
    stream = io.StringIO()
    now = T0 + timedelta(seconds=3)
    Console(file=stream, width=width).print(
        draw(Deliberation.of(events), ["starting"], "x" * 300, now=now, height=24)
    )
    lines = stream.getvalue().splitlines()
    assert max(len(line) for line in lines) <= width
    assert "3 s (soft deadline 50 s, deadline 100 s)" in lines[1]


def test_every_event_has_its_line() -> None:
    told, events = story()
    events += [
        told.failed(5, Crashed(reason="boom\nboom", error="refused")),
        told.cut(["dev-1.0"]),
        told.critiqued(0, 1, verdict="accept"),
        told.revised(1),
        told.failed(2, Cancelled(reason="enough"), round_=1),
        told.cancelled(),
    ]
    assert [describe(event) for event in events] == [
        "requested: 6 agents (6 x vllm:tiny), quorum 3, seed 7",
        "started",
        "unchanged commit checked: 1 of 2 cases pass",
        "dev-1 proposed (1,200 tokens)",
        "dev-2 proposed",
        "dev-3 proposed",
        "dev-1.0 checked: 2 of 2 cases pass",
        "dev-2.0 checked: 1 of 2 cases pass",
        "dev-4 refused: no\\x1bthing",
        "dev-5 timed out: no answer within 50 s",
        "dev-6 crashed: boom boom",
        "round 0 closed (complete): 1 proposal",
        "dev-1 reviewed 1: 1 accept",
        "dev-2 revised",
        "dev-3 cancelled: enough",
        "cancel requested:",
    ]


def test_reports_that_fail_before_the_checks_say_why() -> None:
    told, _ = story()
    report = told.report("dev-1.0", passed=True)
    for changes, says in (
        ({"applied": False, "reason": "hunk 2"}, "does not apply: hunk 2"),
        ({"protected_touched": ("tests/a.py",)}, "touches protected tests/a.py"),
        ({"parses": False}, "is not valid syntax"),
    ):
        event = told.checked(0, passed=True).model_copy(update={"report": report.model_copy(update=changes)})
        assert describe(event) == f"dev-1.0 checked: {says}"


async def test_without_a_terminal_progress_is_plain_lines() -> None:
    _, events = story()
    stream = io.StringIO()
    async with open_progress("auto", console=Console(file=stream, width=80)) as progress:
        progress.note("starting NATS")
        for event in events[:4]:
            progress.observe(event)
    assert stream.getvalue().splitlines() == [
        "          starting NATS",
        "   0.00 s d1 requested: 6 agents (6 x vllm:tiny), quorum 3, seed 7",
        "   0.00 s d1 started",
        "   0.10 s d1 unchanged commit checked: 1 of 2 cases pass",
        "   1.00 s d1 dev-1 proposed (1,200 tokens)",
    ]


async def test_on_a_terminal_the_board_is_drawn_and_removed() -> None:
    _, events = story()
    stream = io.StringIO()
    async with open_progress("auto", console=Console(file=stream, width=80, force_terminal=True)) as progress:
        for event in events:
            progress.observe(event)
    assert "no answer within 50 s" in stream.getvalue()
    assert stream.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in stream.getvalue()


async def test_quiet_is_quiet() -> None:
    _, events = story()
    stream = io.StringIO()
    async with open_progress("quiet", console=Console(file=stream)) as progress:
        progress.note("starting")
        progress.observe(events[0])
    assert stream.getvalue() == ""


def test_lines_of_a_worker_forget_what_has_closed() -> None:
    lines = Lines(console=Console(file=io.StringIO()))
    told, events = story()
    lines.observe(events[0])
    assert list(lines.began) == ["d1"]
    common = told.cancelled().model_dump(exclude={"type", "reason"})
    lines.observe(Closed(outcome=RESULT.outcome, result=RESULT, **common))
    assert not lines.began


def test_agents_whose_batch_has_not_come_wait_and_what_was_saved_is_told() -> None:
    plan = task(agents=4)
    plan = plan.model_copy(update={"council": plan.council.model_copy(update={"batch": 2})})
    told = Story(plan)
    state = Deliberation.of([told.requested(), told.started(), told.base()])
    assert [row.state for row in agent_rows(state)] == ["thinking", "thinking", "waiting", "waiting"]
    state.apply(told.proposed(0))
    state.apply(told.proposed(1))
    assert [row.state for row in agent_rows(state)][2:] == ["thinking", "thinking"]
    skipped = AgentReport(agent_id="dev-4", role="DEV", model="m", outcome="not_asked", reason="no need")
    saved = RESULT.model_copy(update={"agents": (skipped,), "saved": Saved(agents=1, tokens=1200)})
    text = shown(saved, width=100)
    assert "Saved: 1 agent was not asked, about 1,200 tokens" in text
    assert "Missing" not in text


def test_judges_have_their_lines() -> None:
    told = Story(task(code=False))
    heard = told.critiqued(0, 1).model_copy(
        update={
            "critiques": (),
            "ballots": (
                Ballot(showing=Showing(judge="dev-1", first="dev-2.0", second="dev-3.0"), preferred="tie"),
            ),
        }
    )
    assert describe(heard) == "dev-1 judged: 1 verdict"
    cut = told.cut([], round_=1).model_copy(update={"heard": ("dev-1", "dev-2")})
    assert describe(cut) == "judging closed (complete): heard 2 judges"
    state = Deliberation.of([told.requested(), told.started(), told.cut(["dev-1.0"])])
    assert summary(state) == "judging"
