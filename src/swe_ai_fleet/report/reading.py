"""What the page is written from: the state, the ranking and the result that the events amount to."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from swe_ai_fleet.domain.check import CheckReport, Trial
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Event, Requested
from swe_ai_fleet.domain.ranking import RankedProposal, Ranking, Result
from swe_ai_fleet.orchestrator.usecases.result import rebuild


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One deliberation, read once."""

    request: Requested
    state: Deliberation
    ranking: Ranking
    result: Result
    events: tuple[Event, ...]

    @property
    def began(self) -> datetime:
        """When the deadlines began to count."""
        return self.request.time if self.state.started is None else self.state.started.time

    @property
    def winner_id(self) -> str | None:
        """The winner's proposal id."""
        return None if self.result.winner is None else self.result.winner.proposal_id

    @property
    def places(self) -> dict[str, RankedProposal]:
        """The ranking by proposal id."""
        return {place.proposal_id: place for place in self.result.ranking}

    def report(self, proposal_id: str) -> CheckReport | None:
        """What the sandbox saw of a proposal, late ones included."""
        event = self.state.reports.get(proposal_id)
        return None if event is None else event.report

    def trials(self, proposal_id: str) -> tuple[Trial, ...]:
        """The runs of proposed checks over all rounds, the unchanged commit first; empty where there are none."""
        found: dict[str, Trial] = {}
        for (_, pid), event in sorted(self.state.tried.items()):
            for trial in (event.report.trials or ()) if pid == proposal_id else ():
                found.setdefault(trial.on, trial)
        return tuple(found.values())

    def after_s(self, moment: datetime) -> float:
        """Seconds from the start to that moment, never negative."""
        return max(0.0, (moment - self.began).total_seconds())


def read(events: Iterable[Event]) -> Reading:
    """Read the events of one deliberation, in any order; of several with one key the earliest counts.

    Raises:
        RecordNotFoundError: no ``requested`` is among them.
    """
    ordered = tuple({e.key: e for e in sorted(events, key=lambda e: (e.time, e.key), reverse=True)}.values())[
        ::-1
    ]
    result = rebuild(ordered)
    state = Deliberation.of(ordered)
    assert state.requested is not None  # else there were no result
    ranking = Ranking() if state.ranked is None else state.ranked.ranking
    return Reading(request=state.requested, state=state, ranking=ranking, result=result, events=ordered)
