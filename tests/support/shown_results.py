"""A result with everything in it, and how it looks on a terminal."""

import io

from rich.console import Console
from told import PATCH

from swe_ai_fleet.cli.result_view import print_result
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.domain.ranking import (
    AgentReport,
    CheckCounts,
    Dissent,
    RankedProposal,
    Result,
    Winner,
)


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


def shown(result: Result, *, width: int, color: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=color, highlight=False, no_color=not color)
    print_result(console, result, footer=[f"Show it again: swe-fleet show {result.deliberation_id}"])
    return stream.getvalue()


def bare(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"
