"""What to do next, as a pure function of what has happened and how long it took.

A deliberation moves through ``requested, started, [base], round 0..R, rank, close``. Round 0 proposes and
checks; a later round critiques, revises and checks. Proposed checks are run on a round's answers once all
are there. After the last round, judges may be asked about its answers. How the time is divided stands in
:mod:`swe_ai_fleet.domain.phases`, and which agents are asked at once in :mod:`swe_ai_fleet.domain.batches`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from swe_ai_fleet.domain import batches
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.phases import StepKind, phase_end_s, soft_s
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.quorum import has_quorum
from swe_ai_fleet.domain.trials import missed_by

_PEERS_REVIEWED = 4

CutReason = Literal["complete", "safe", "gain", "deadline", "agreed", "budget", "alone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """Put ``started`` on the record; deadlines count from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckBase:
    """Run the checks on the unchanged commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """Ask one agent, until ``until_s`` seconds after the start."""

    agent: AgentSpec
    round: int
    step: StepKind
    until_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckProposal:
    """Apply a proposal and run the checks."""

    proposal_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TryChecks:
    """Run proposed checks on the unchanged commit and on the answers of a round."""

    proposal_id: str
    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunMatrix:
    """Run the functions of a round on the pooled inputs."""

    round: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRound:
    """Cut the round: what is there counts, the rest is recorded only."""

    round: int
    reason: CutReason


@dataclass(frozen=True, slots=True, kw_only=True)
class Rank:
    """Rank what counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Put the terminal event on the record."""


NextStep = Start | CheckBase | Ask | CheckProposal | TryChecks | RunMatrix | CloseRound | Rank | Close


def next_steps(
    state: Deliberation,
    *,
    elapsed_s: float,
    is_safe: Callable[[int], bool],
    enough: Callable[[], CutReason | None] = lambda: None,
    judges: Callable[[], Sequence[AgentSpec] | None] = lambda: None,
    tokens_per_round: int = 0,
) -> list[NextStep]:
    """Everything that may go on now, side by side; repeating the call repeats the answer until an event comes.

    Args:
        state: what has happened; it must have been requested.
        elapsed_s: seconds since ``started``.
        is_safe: whether the decision can no longer change, though so many of those that have answered may still
            answer otherwise; asked only where it matters.
        enough: why no further batch of agents should be asked, if so; asked only between two batches.
        judges: who is to judge once the last round is cut; empty where nobody can be paid, None where there is
            nothing to judge.
        tokens_per_round: what one more round is expected to cost, for the budget.
    """
    if state.closed is not None:
        return []
    if state.cancel_requested is not None or state.ranked is not None:
        return [Close()]
    if state.started is None:
        return [Start()]
    overdue = elapsed_s >= state.task.budget.seconds
    if state.needs_base and state.base is None:
        return [Close()] if overdue else [CheckBase()]
    round_ = next((r for r in range(state.task.council.rounds + 1) if r not in state.rounds), None)
    if round_ is None:
        return _judging(state, elapsed_s, judges())
    if round_ > 0:
        work, reason = _reviewing(state, round_, elapsed_s), None
    else:
        work, reason = _proposing(state, elapsed_s, enough)
    if reason is not None and elapsed_s < state.task.budget.seconds:
        return work or [CloseRound(round=round_, reason=reason)]
    return _cut_or_go_on(state, round_, work, elapsed_s, is_safe, tokens_per_round)


def _judging(state: Deliberation, elapsed_s: float, judges: Sequence[AgentSpec] | None) -> list[NextStep]:
    round_ = state.judging_round
    if judges is None or round_ in state.rounds:
        return [Rank()]
    until = phase_end_s(state, round_, "judge")
    waiting = [
        a
        for a in judges
        if (round_, a.agent_id) not in state.critiques and (round_, a.agent_id) not in state.failures
    ]
    if waiting and elapsed_s < until:
        return [Ask(agent=a, round=round_, step="judge", until_s=until) for a in waiting]
    reason: CutReason = "deadline" if waiting else "complete" if judges else "budget"
    return [CloseRound(round=round_, reason=reason)]


def _cut_or_go_on(
    state: Deliberation,
    round_: int,
    work: list[NextStep],
    elapsed_s: float,
    is_safe: Callable[[int], bool],
    tokens_per_round: int,
) -> list[NextStep]:
    """The open round's work, or its cut."""
    reason: CutReason | None = None
    if elapsed_s >= state.task.budget.seconds:
        reason = "deadline"
    elif round_ > 0 and not _round_began(state, round_):
        reason = _skip(state, is_safe, tokens_per_round)
    if reason is None and not work:
        reason = "complete"
    if reason is None and elapsed_s >= soft_s(state) and has_quorum(state):
        reason = "safe" if is_safe(_moving(state, round_, work)) else None
    return work if reason is None else [CloseRound(round=round_, reason=reason)]


def _proposing(
    state: Deliberation, elapsed_s: float, enough: Callable[[], CutReason | None]
) -> tuple[list[NextStep], CutReason | None]:
    """The work of the batches that have begun, or of the next one, or what is left of it and why it ends there."""
    asks = _asks(state, (*batches.asked(state), *state.council.testers))
    further = () if any(number == 0 for number, _ in state.tried) else batches.further(state)
    work = asks + _checks(state, 0, all_spoke=not asks, is_last=not further)
    if work or not batches.left_out(state):
        return work, None
    reason = enough() if further else "safe"
    if reason is None and elapsed_s >= phase_end_s(state, 0, "propose"):
        reason = "deadline"
    if reason is None:
        return _asks(state, further), None
    return _checks(state, 0, all_spoke=True, is_last=True), reason


def _asks(state: Deliberation, agents: Sequence[AgentSpec]) -> list[NextStep]:
    until = phase_end_s(state, 0, "propose")
    return [
        Ask(agent=agent, round=0, step="propose", until_s=until)
        for agent in agents
        if not state.settled(0, agent)
    ]


def _reviewing(state: Deliberation, round_: int, elapsed_s: float) -> list[NextStep]:
    reviewers = [
        a for a in state.council.proposers if state.latest(a) and (round_, a.agent_id) not in state.failures
    ]
    critique_end = phase_end_s(state, round_, "critique")
    waiting = [a for a in reviewers if (round_, a.agent_id) not in state.critiques]
    if waiting and elapsed_s < critique_end:
        return [Ask(agent=a, round=round_, step="critique", until_s=critique_end) for a in waiting]
    until = phase_end_s(state, round_, "revise")
    asks: list[NextStep] = [
        Ask(agent=a, round=round_, step="revise", until_s=until)
        for a in reviewers
        if not state.settled(round_, a) and _has_remarks(state, a, round_)
    ]
    return asks + _checks(state, round_, all_spoke=not asks)


def _checks(state: Deliberation, round_: int, *, all_spoke: bool, is_last: bool = True) -> list[NextStep]:
    """Each answer is checked as it comes; what compares answers waits until all agents have spoken.

    Proposed checks of a repository are run once a round, so that they wait for its last batch too.
    """
    if state.task.entry_point is not None:
        return _matrix(state, round_) if all_spoke else []
    if state.requested is None or state.requested.repo is None:
        return []
    unchecked: list[NextStep] = [
        CheckProposal(proposal_id=p.proposal_id)
        for p in state.answers(round_)
        if p.proposal_id not in state.reports
    ]
    return unchecked or (_trying(state, round_) if all_spoke and is_last else [])


def _matrix(state: Deliberation, round_: int) -> list[NextStep]:
    answers = state.answers(round_)
    wanted = [*answers, *state.checks_proposed()] if round_ == 0 and answers else answers
    return [RunMatrix(round=round_)] if any(p.proposal_id not in state.reports for p in wanted) else []


def _trying(state: Deliberation, round_: int) -> list[NextStep]:
    """Proposed checks that have not been run on this round's answers; those of round 0 only where they are any."""
    if not any(state.reports[p.proposal_id].report.applied for p in state.answers(round_)):
        return []
    proposed = state.checks_proposed()
    if round_ > 0:
        first = {pid: event.report for (r, pid), event in state.tried.items() if r == 0}
        proposed = [p for p in proposed if p.proposal_id in first and first[p.proposal_id].applied]
    return [
        TryChecks(proposal_id=p.proposal_id, round=round_)
        for p in proposed
        if (round_, p.proposal_id) not in state.tried
    ]


def _has_remarks(state: Deliberation, agent: AgentSpec, round_: int) -> bool:
    """Something speaks against the agent's latest answer: its checks, a proposed test, or a peer."""
    parent = state.latest(agent)
    if parent is None:
        return False
    report = state.counted_reports().get(parent.proposal_id)
    if report is not None and (not report.applied or report.failures()):
        return True
    if missed_by(state, parent.proposal_id):
        return True
    said = state.critiques_of(parent.proposal_id, round_=round_)
    return any(critique.verdict != "accept" for critique in said)


def _moving(state: Deliberation, round_: int, work: list[NextStep]) -> int:
    """How many that have an answer may give another: they are at work on it, or heard something against it."""
    if round_ == 0:
        return 0
    at_work = {step.agent.agent_id for step in work if isinstance(step, Ask)}
    doubted = {
        agent.agent_id
        for agent in state.council.proposers
        if not state.settled(round_, agent) and _has_remarks(state, agent, round_)
    }
    return len(at_work | doubted)


def _round_began(state: Deliberation, round_: int) -> bool:
    return any(key[0] == round_ for key in state.critiques) or any(key[0] == round_ for key in state.failures)


def _skip(state: Deliberation, is_safe: Callable[[int], bool], tokens_per_round: int) -> CutReason | None:
    """Why a further round is not worth having, or None."""
    if len(state.included()) < 2:
        return "alone"
    limit = state.task.budget.tokens
    if limit is not None and state.usage().total_tokens + tokens_per_round > limit:
        return "budget"
    agreed = bool(state.verified()) and is_safe(0)
    return "agreed" if agreed else None


def peers_to_review(state: Deliberation, agent: AgentSpec) -> list[Proposal]:
    """The latest answers of at most four neighbours on the ring of agents; never the agent's own."""
    ring = [a for a in state.council.proposers if state.latest(a) is not None]
    place = next(index for index, other in enumerate(ring) if other.agent_id == agent.agent_id)
    neighbours = [ring[(place + offset) % len(ring)] for offset in range(1, len(ring))][:_PEERS_REVIEWED]
    return [latest for other in neighbours if (latest := state.latest(other)) is not None]
