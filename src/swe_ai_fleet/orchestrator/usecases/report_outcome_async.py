"""What a user knows of a decision: the only thing that reliability is learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.reliability import Mark, ReliabilityBook, Report, task_class_of
from swe_ai_fleet.errors import InputError, RecordNotFoundError
from swe_ai_fleet.orchestrator.usecases.evidence import evidence_of
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.record import EventLog
from swe_ai_fleet.ports.reliability import ReliabilityBooks
from swe_ai_fleet.ranking.decide import decide
from swe_ai_fleet.ranking.reliability import marks_of_pair, marks_of_verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What became of a report."""

    about: str
    """The deliberation and the answer, or the two answers, that it is about."""
    marks: tuple[Mark, ...]
    book: ReliabilityBook
    """Of the task's class, with the report in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOutcomeAsync:
    """Puts what a user reports into the book of the task's class. Repeating it changes nothing; a correction counts."""

    events: EventLog
    reliability: ReliabilityBooks
    clock: Clock

    async def verdict(
        self, deliberation_id: str, *, is_good: bool, proposal_id: str | None = None
    ) -> Reported:
        """An answer turned out to be good, or not.

        Args:
            deliberation_id: one that has ended.
            is_good: it was merged, or found right; else it was rejected, or found wrong.
            proposal_id: which answer; the winner where it is None.

        Raises:
            RecordNotFoundError: the record holds no such deliberation.
            InputError: there is no such answer in it.
            RecordError: the record does not answer, or does not take the report.
        """
        state = await self._ended(deliberation_id)
        ranking = state.ranked.ranking if state.ranked is not None else decide(evidence_of(state))
        winner = None if state.closed is None else state.closed.result.winner
        about = proposal_id or (None if winner is None else winner.proposal_id)
        places = [place.proposal_id for place in ranking.ranking]
        if about is None or about not in places:
            raise _no_such_answer("--proposal", about, places)
        marks = marks_of_verdict(state.council, ranking, state.all_critiques(), about, is_good=is_good)
        return await self._enter(state, f"{deliberation_id}/{about}", marks)

    async def pair(self, deliberation_id: str, *, better: str, worse: str) -> Reported:
        """Of two answers one is better: a pair of the gold set of the judges that compared them.

        Raises:
            RecordNotFoundError: the record holds no such deliberation.
            InputError: there is no such answer in it.
            RecordError: the record does not answer, or does not take the report.
        """
        state = await self._ended(deliberation_id)
        answers = [proposal.proposal_id for proposal in state.included()]
        for option, given in (("--better", better), ("--worse", worse)):
            if given not in answers or better == worse:
                raise _no_such_answer(option, given, answers)
        marks = marks_of_pair(state.council, state.ballots(), better=better, worse=worse)
        one, other = sorted((better, worse))
        return await self._enter(state, f"{deliberation_id}/{one}/{other}", marks)

    async def _ended(self, deliberation_id: str) -> Deliberation:
        state = Deliberation.of(await self.events.history(deliberation_id))
        if state.requested is None:
            raise RecordNotFoundError(f"there is no deliberation {deliberation_id} on the record")
        if state.closed is None:
            raise InputError("ID", deliberation_id, "is still open", "Report on it once it has ended.")
        return state

    async def _enter(self, state: Deliberation, about: str, marks: tuple[Mark, ...]) -> Reported:
        report = Report(marks=marks, at=self.clock.now())
        book = await self.reliability.change(
            task_class_of(state.task), lambda book: book.with_report(about, report)
        )
        return Reported(about=about, marks=marks, book=book)


def _no_such_answer(option: str, given: str | None, answers: Sequence[str]) -> InputError:
    known = ", ".join(answers) or "none"
    problem = "is none of the answers to compare" if given else "there is no winner to report on"
    return InputError(option, given or "", problem, f"The answers there are: {known}.")
