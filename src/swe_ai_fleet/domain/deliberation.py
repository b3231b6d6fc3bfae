"""A deliberation as the sum of its events: no I/O, no clock. The same events in any order give the same state.

Two events with the same key are one: the first in stream order counts. :mod:`swe_ai_fleet.domain.steps`
says what to do next.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from swe_ai_fleet.domain.check import CheckReport, CheckStatus
from swe_ai_fleet.domain.council import BASE_AGENT, AgentSpec, Council
from swe_ai_fleet.domain.events import (
    AgentFailed,
    CancelRequested,
    Checked,
    Closed,
    Critiqued,
    Event,
    Learnt,
    Proposed,
    Ranked,
    Requested,
    Revised,
    RoundClosed,
    Started,
)
from swe_ai_fleet.domain.outcome import Crashed
from swe_ai_fleet.domain.proposal import Proposal, Usage
from swe_ai_fleet.domain.review import Ballot, Critique
from swe_ai_fleet.domain.task import Task


@dataclass(slots=True, kw_only=True)
class Deliberation:
    """What is known of one deliberation. Fed by :meth:`apply` alone."""

    requested: Requested | None = None
    started: Started | None = None
    proposals: dict[str, Proposal] = field(default_factory=dict)
    """By proposal id: answers and checks, of all rounds, late ones included."""
    reports: dict[str, Checked] = field(default_factory=dict)
    """By proposal id, ``base`` for the unchanged commit."""
    tried: dict[tuple[int, str], Checked] = field(default_factory=dict)
    """Runs of proposed checks of a repository, by round and the checks' proposal id."""
    critiques: dict[tuple[int, str], Critiqued] = field(default_factory=dict)
    failures: dict[tuple[int, str], AgentFailed] = field(default_factory=dict)
    rounds: dict[int, RoundClosed] = field(default_factory=dict)
    ranked: Ranked | None = None
    cancel_requested: CancelRequested | None = None
    closed: Closed | None = None
    seen: set[tuple[str, int, str]] = field(default_factory=set)
    _answered: set[tuple[int, str]] = field(default_factory=set)
    """Round and agent of every proposal."""
    _latest: dict[str, Proposal] | None = None
    """The last counted answer by agent id; worked out when asked for, until an event may change it."""

    @classmethod
    def of(cls, events: Iterable[Event]) -> "Deliberation":
        """The state after these events."""
        deliberation = cls()
        for event in events:
            deliberation.apply(event)
        return deliberation

    def apply(self, event: Event) -> bool:  # noqa: C901  # one case an event type
        """Take one event in; False where an event of the same key was there already."""
        if event.key in self.seen:
            return False
        self.seen.add(event.key)
        match event:
            case Requested():
                self.requested = event
            case Started():
                self.started = event
            case Proposed() | Revised():
                self._take_proposal(event.proposal)
            case Checked():
                self._take_report(event)
            case Critiqued():
                self.critiques[event.round, event.agent_id] = event
            case AgentFailed():
                self.failures[event.round, event.agent_id] = event
            case Learnt():
                pass  # for peers alone
            case RoundClosed():
                self.rounds[event.round] = event
                self._latest = None
            case Ranked():
                self.ranked = event
            case CancelRequested():
                self.cancel_requested = event
            case Closed():
                self.closed = event
        return True

    def _take_proposal(self, proposal: Proposal) -> None:
        self.proposals[proposal.proposal_id] = proposal
        self._answered.add((proposal.round, proposal.agent_id))
        self._latest = None

    def _take_report(self, event: Checked) -> None:
        if event.report.trials is None:
            self.reports[event.report.proposal_id] = event
        else:
            self.tried[event.round, event.report.proposal_id] = event

    @property
    def task(self) -> Task:
        """The task; the deliberation must have been requested."""
        return (self.requested or self._request).task

    @property
    def council(self) -> Council:
        """The council; the deliberation must have been requested."""
        return (self.requested or self._request).council

    @property
    def _request(self) -> Requested:
        if self.requested is None:
            msg = "this deliberation was never requested"
            raise LookupError(msg)
        return self.requested

    @property
    def base(self) -> CheckReport | None:
        """What the checks say of the unchanged commit, once known."""
        event = self.reports.get(BASE_AGENT)
        return None if event is None else event.report

    @property
    def needs_base(self) -> bool:
        """The task has code and checks: the unchanged commit must be checked first."""
        return self._request.repo is not None and bool(self.task.checks)

    def elapsed_s(self, now: datetime) -> float:
        """Seconds since ``started``; 0 before."""
        return 0.0 if self.started is None else max(0.0, (now - self.started.time).total_seconds())

    def answers(self, round_: int) -> list[Proposal]:
        """The answers of one round, sorted by id, late ones included."""
        found = (p for p in self.proposals.values() if p.kind == "answer" and p.round == round_)
        return sorted(found, key=lambda p: p.proposal_id)

    def checks_proposed(self) -> list[Proposal]:
        """The checks that QA agents propose, sorted by id, late ones included."""
        found = (p for p in self.proposals.values() if p.kind == "checks")
        return sorted(found, key=lambda p: p.proposal_id)

    def checks_tried(self, round_: int) -> list[Proposal]:
        """Those of them whose report of this round is there."""
        return [
            p
            for p in self.checks_proposed()
            if (round_, p.proposal_id) in self.tried or (round_ == 0 and p.proposal_id in self.reports)
        ]

    def counted_checks(self) -> list[Proposal]:
        """Those that count: named by the cut of a round; sorted by id."""
        named = {pid for cut in self.rounds.values() for pid in cut.tried}
        return [p for p in self.checks_proposed() if p.proposal_id in named]

    def included(self) -> list[Proposal]:
        """The answers that count: those named by the cut of a round; sorted by round, then id."""
        named = {pid for cut in self.rounds.values() for pid in cut.included}
        chosen = (p for pid, p in self.proposals.items() if pid in named and p.kind == "answer")
        return sorted(chosen, key=lambda p: (p.round, p.proposal_id))

    def counted_reports(self) -> dict[str, CheckReport]:
        """The check reports that count, by proposal id, sorted."""
        named = sorted({pid for cut in self.rounds.values() for pid in cut.checked})
        return {pid: self.reports[pid].report for pid in named if pid in self.reports}

    def latest(self, agent: AgentSpec) -> Proposal | None:
        """The agent's answer of its last closed round, or None."""
        if self._latest is None:
            self._latest = {p.agent_id: p for p in self.included()}
        return self._latest.get(agent.agent_id)

    def critiques_of(self, proposal_id: str, *, round_: int) -> tuple[Critique, ...]:
        """What peers said of it in that round, by reviewer."""
        found = [
            critique
            for (in_round, _), event in self.critiques.items()
            if in_round == round_
            for critique in event.critiques
            if critique.proposal_id == proposal_id
        ]
        return tuple(sorted(found, key=lambda critique: critique.reviewer_id))

    def all_critiques(self) -> tuple[Critique, ...]:
        """Every critique that counts, sorted by round, then reviewer, in the reviewer's own order."""
        return tuple(critique for event in self._heard() for critique in event.critiques)

    def ballots(self) -> tuple[Ballot, ...]:
        """Every judge's answers to its own questions that count, sorted by judge, in the judge's own order."""
        return tuple(
            ballot
            for event in self._heard()
            for ballot in event.ballots
            if ballot.showing.judge == event.agent_id
        )

    def _heard(self) -> list[Critiqued]:
        """What reviewers and judges said before the cut of their round; all of an open one."""
        cuts = {number: cut.heard for number, cut in self.rounds.items() if cut.heard is not None}
        return [
            self.critiques[round_, agent_id]
            for round_, agent_id in sorted(self.critiques)
            if agent_id in cuts.get(round_, (agent_id,))
        ]

    @property
    def judging_round(self) -> int:
        """The number under which judges are asked, after the last round."""
        return self.task.council.rounds + 1

    def settled(self, round_: int, agent: AgentSpec) -> bool:
        """The agent has answered in this round, or has failed for good."""
        place = (round_, agent.agent_id)
        return place in self._answered or place in self.failures

    def verified(self) -> list[Checked]:
        """Reports of proposals that apply, touch nothing protected and pass every check; earliest first."""
        if not self.reports or not self.needs_base:
            return []
        good = [e for pid, e in self.reports.items() if pid != BASE_AGENT and _passes(e.report)]
        return sorted(good, key=lambda event: (event.time, event.report.proposal_id))

    def usage(self, *, before: int | None = None) -> Usage:
        """Everything that was paid for, late and failed answers included; only that of rounds ``before`` one."""
        paid = [(proposal.round, proposal.usage) for proposal in self.proposals.values()]
        paid += [(event.round, event.usage) for event in self.critiques.values()]
        paid += [
            (event.round, event.failure.usage)
            for event in self.failures.values()
            if isinstance(event.failure, Crashed)
        ]
        return Usage.total(usage for round_, usage in paid if before is None or round_ < before)


def _passes(report: CheckReport) -> bool:
    return (
        report.applied
        and report.parses
        and not report.protected_touched
        and report.count(CheckStatus.PASSED) == len(report.results)
    )
