"""What people see, at the two widths that terminals have."""

import io

import pytest
from rich.console import Console
from shown_results import RESULT, bare, place, shown
from told import PATCH

from swe_ai_fleet.cli.result_view import parts_that_mattered, print_result
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.ranking import (
    AgentReport,
    TierVerdict,
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
