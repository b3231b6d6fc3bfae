"""What people see, at the two widths that terminals have."""

import io
from datetime import timedelta

import pytest
from rich.console import Console
from story import T0, Story, task

from swe_ai_fleet.cli.board import agent_rows, describe, shown_rows, summary
from swe_ai_fleet.cli.progress import Lines, draw, open_progress
from swe_ai_fleet.cli.result_view import parts_that_mattered, print_result
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Closed, Event
from swe_ai_fleet.domain.outcome import Cancelled, Crashed, DeliberationOutcome, Refused, TimedOut
from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.domain.ranking import (
    AgentReport,
    CheckCounts,
    Dissent,
    RankedProposal,
    Result,
    Saved,
    TierVerdict,
    Winner,
)
from swe_ai_fleet.domain.review import Ballot, Showing

PATCH = """\
diff --git a/stock.py b/stock.py
--- a/stock.py
+++ b/stock.py
@@ -1,2 +1,2 @@
 def free(day, last):
-    return day >= last
+    return day > last
"""


def place(number: int, *, passed: int, **score: float) -> RankedProposal:
    return RankedProposal(
        place=number,
        proposal_id=f"dev-{number}.0",
        agent_id=f"dev-{number}",
        role="DEV",
        model="offline:repair",
        round=0,
        score=score,
        support=0.75 if passed else 0.25,
        p_correct=0.97 if passed else 0.03,
        checks=CheckCounts(passed=passed, failed=1 - passed),
    )


RESULT = Result(
    deliberation_id="reorder-1a2b",
    task_id="reorder",
    outcome=DeliberationOutcome.DECIDED,
    partial=True,
    reason="dev-1.0 repairs all 2 failures of the base.",
    seed=7,
    duration_s=8.44,
    winner=Winner(
        proposal_id="dev-1.0", agent_id="dev-1", role="DEV", model="offline:repair", content="x", patch=PATCH
    ),
    ranking=(
        place(1, passed=1, applies=0, unresolved=0, copies=0.5, prior=0.3),
        place(2, passed=1, applies=0, unresolved=0, copies=0.5, prior=0.1),
        place(3, passed=0, applies=0, unresolved=1, copies=0.25, prior=0.9),
    ),
    margin=0.5,
    dissent=(Dissent(proposal_ids=("dev-3.0",), support=0.25, reason="fails tests"),),
    agents=(
        AgentReport(
            agent_id="dev-4", role="DEV", model="vllm:x", outcome="refused", reason="nothing\x1b[31m found"
        ),
        AgentReport(
            agent_id="dev-5", role="DEV", model="vllm:x", outcome="refused", reason="nothing\x1b[31m found"
        ),
        AgentReport(agent_id="dev-6", role="DEV", model="vllm:x", outcome="timed_out"),
    ),
    usage=Usage(requests=4, prompt_tokens=1200, cached_tokens=800, completion_tokens=350),
    notes=("the token budget of 9000 holds 6 of 8 agents",),
)

SHOWN_80 = """\
Decided after 8.4 s: dev-1.0 by dev-1 (offline:repair)
Partial: some agents are missing.
dev-1.0 repairs all 2 failures of the base.
P(correct) 0.97, support 0.75, margin 0.50

#  proposal  model           checks    support  P(correct)  unresolved  prior
1  dev-1.0   offline:repair  1 passed     0.75        0.97           0    0.3
2  dev-2.0   offline:repair  1 passed     0.75        0.97           0    0.1
3  dev-3.0   offline:repair  1 failed     0.25        0.03           1    0.9
Dissent: dev-3.0 (support 0.25) fails tests

Missing: dev-4, dev-5 refused: nothing\\x1b[31m found
Missing: dev-6 timed out

Note: the token budget of 9000 holds 6 of 8 agents

Patch
  diff --git a/stock.py b/stock.py
  --- a/stock.py
  +++ b/stock.py
  @@ -1,2 +1,2 @@
   def free(day, last):
  -    return day >= last
  +    return day > last

Cost: 4 requests, 1,200 prompt tokens (800 cached), 350 completion tokens
Seed: 7
Show it again: swe-fleet show reorder-1a2b
"""


def shown(result: Result, *, width: int, color: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=color, highlight=False, no_color=not color)
    print_result(console, result, footer=[f"Show it again: swe-fleet show {result.deliberation_id}"])
    return stream.getvalue()


def bare(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def test_the_result_at_80_columns() -> None:
    assert bare(shown(RESULT, width=80)) == SHOWN_80


def test_the_evidence_that_separated_answers_is_told_tier_by_tier() -> None:
    tiers = (
        TierVerdict(tier="unresolved", kept=("dev-1.0", "dev-2.0"), note="1 dropped: leaves a check failing"),
        TierVerdict(tier="agreement", kept=("dev-1.0", "dev-2.0", "dev-3.0"), note="2 checks and cases"),
        TierVerdict(tier="reproduction", kept=("dev-1.0",), note="1 of 3 proposed tests count"),
    )
    lines = bare(shown(RESULT.model_copy(update={"tiers": tiers}), width=100)).splitlines()
    at = lines.index("Evidence")
    assert lines[at + 1 : at + 4] == [
        "  unresolved, 2 of 3: 1 dropped: leaves a check failing",
        "  reproduction, 1 of 3: 1 of 3 proposed tests count",
        "",
    ]


def test_nothing_is_wider_than_the_terminal() -> None:
    long = RESULT.model_copy(update={"reason": "word " * 100, "notes": ("note " * 60,)})
    for width in (60, 80, 140):
        assert max(len(line) for line in shown(long, width=width).splitlines()[:-2]) <= width


def test_what_agents_bring_cannot_colour_the_terminal() -> None:
    text = shown(RESULT, width=80, color=True)
    assert "\x1b[32m+    return day > last" in text
    assert "nothing\\x1b[31m found" in text


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    print_result(Console(file=stream, width=80, force_terminal=True), RESULT)
    assert "\x1b[3" not in stream.getvalue()


def test_a_patch_is_shown_without_trailing_blanks() -> None:
    lines = shown(RESULT, width=80).splitlines()
    assert "  +    return day > last" in lines


def test_parts_that_separate_neighbours_are_shown() -> None:
    assert parts_that_mattered(RESULT.ranking) == ["unresolved", "prior"]
    assert parts_that_mattered(()) == []


def test_many_reasons_are_told_by_the_first() -> None:
    agents = tuple(
        AgentReport(
            agent_id=f"dev-{n}",
            role="DEV",
            model="x",
            outcome="refused",
            reason=f"tried {n} edits " + "x" * 300,
        )
        for n in range(1, 9)
    )
    text = " ".join(shown(RESULT.model_copy(update={"agents": agents}), width=80).split())
    assert "dev-5, dev-6 and 2 more refused: tried 1 edits" in text
    assert "(other reasons: 7; --json has them)" in text


def test_an_undecided_result_has_no_winner_to_show() -> None:
    undecided = RESULT.model_copy(
        update={"outcome": DeliberationOutcome.UNDECIDED, "winner": None, "ranking": (), "dissent": ()}
    )
    text = shown(undecided, width=80)
    assert text.startswith("Undecided after 8.4 s\n")
    assert "Patch" not in text


def test_a_text_answer_is_shown_as_text() -> None:
    assert RESULT.winner is not None
    winner = RESULT.winner.model_copy(update={"patch": None, "content": "Use an outbox.\n\nThen publish."})
    text = shown(RESULT.model_copy(update={"winner": winner}), width=80)
    assert "Answer\n  Use an outbox.\n  \n  Then publish.\n" in text


def test_a_long_ranking_and_a_long_patch_are_cut_and_say_so() -> None:
    assert RESULT.winner is not None
    patch = PATCH + "".join(f"+line {n}\n" for n in range(1000))
    ranking = tuple(place(n, passed=1, copies=1 / n) for n in range(1, 31))
    winner = RESULT.winner.model_copy(update={"patch": patch})
    text = shown(RESULT.model_copy(update={"winner": winner, "ranking": ranking}), width=80)
    assert "and 18 more places; --json has them all" in text
    assert "... 607 more lines; --json has them all" in text


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
