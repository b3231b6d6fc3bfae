"""How often somebody has been right, learnt from ground truth alone: Beta counts that decay.

Ground truth is what a user reports of a decision (merged, rejected, a verdict), never what other agents
think: agreement between agents of the same model family is not evidence that they are right.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from pydantic import Field

from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.domain.value import Recorded

HALF_LIFE_DAYS = 90.0
MOST_MARKS = 4000
"""Of the latest reports so many marks are remembered; what was reported before them cannot be corrected any more."""

_FORGOTTEN = 0.01
"""A track record that is worth so few outcomes is as good as none."""


class TrackRecord(Recorded):
    """What is known of one agent, model or judge on one class of tasks: a Beta(1 + right, 1 + wrong) after decay."""

    right: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    wrong: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    as_of: datetime | None = None
    """UTC; the counts are what they were then. None before the first outcome."""

    def after(self, *, was_right: bool, at: datetime, weight: float = 1.0) -> "TrackRecord":
        """With one more outcome; with a negative weight, without it. What is older than ``as_of`` decays by its age."""
        now = self.at(at)
        behind_days = 0.0 if now.as_of is None else max(0.0, (now.as_of - at).total_seconds() / 86400)
        counted = weight * 0.5 ** (behind_days / HALF_LIFE_DAYS)
        return TrackRecord(
            right=max(0.0, now.right + (counted if was_right else 0.0)),
            wrong=max(0.0, now.wrong + (0.0 if was_right else counted)),
            as_of=at if now.as_of is None else max(now.as_of, at),
        )

    def at(self, moment: datetime) -> "TrackRecord":
        """What the counts are worth then: half after every 90 days. Nothing changes for the past."""
        if self.as_of is None or moment <= self.as_of:
            return self
        kept = 0.5 ** ((moment - self.as_of).total_seconds() / 86400 / HALF_LIFE_DAYS)
        return TrackRecord(right=self.right * kept, wrong=self.wrong * kept, as_of=moment)

    @property
    def outcomes(self) -> float:
        """How many outcomes it rests on, after decay."""
        return self.right + self.wrong


class Mark(Recorded):
    """Somebody was right, or wrong, about one thing."""

    whose: str
    """Key of the track record."""
    was_right: bool


class Report(Recorded):
    """One thing that a user knows, and what follows from it for everybody."""

    marks: tuple[Mark, ...]
    at: datetime
    """UTC, when it was reported."""


class ReliabilityBook(Recorded):
    """Everything that is known of everybody on one class of tasks."""

    task_class: str
    records: dict[str, TrackRecord] = Field(default_factory=dict)
    """By key: an agent's (model, role and id) or a judge's (model)."""
    reports: dict[str, Report] = Field(default_factory=dict)
    """The latest, by what they are about, the latest last."""

    def with_report(self, about: str, report: Report) -> "ReliabilityBook":
        """With what a user reports. The same again changes nothing; another verdict on the same replaces the first."""
        earlier = self.reports.get(about)
        if earlier is not None and earlier.marks == report.marks:
            return self
        records = dict(self.records)
        if earlier is not None:
            for mark in earlier.marks:
                _enter(records, mark, earlier.at, weight=-1.0)
        for mark in report.marks:
            _enter(records, mark, report.at, weight=1.0)
        kept = {
            whose: record for whose, record in records.items() if record.at(report.at).outcomes > _FORGOTTEN
        }
        reports = {name: one for name, one in self.reports.items() if name != about} | {about: report}
        return ReliabilityBook(task_class=self.task_class, records=kept, reports=_latest(reports))


def _latest(reports: Mapping[str, Report]) -> dict[str, Report]:
    """The end of them, the last one whatever its size."""
    marks = 0
    kept: list[tuple[str, Report]] = []
    for about, report in reversed(list(reports.items())):
        marks += len(report.marks)
        if kept and marks > MOST_MARKS:
            break
        kept.append((about, report))
    return dict(reversed(kept))


def _enter(records: dict[str, TrackRecord], mark: Mark, at: datetime, *, weight: float) -> None:
    before = records.get(mark.whose, TrackRecord())
    records[mark.whose] = before.after(was_right=mark.was_right, at=at, weight=weight)


def task_class_of(task: Task) -> str:
    """Tasks on which the same agents are likely to be as good: of one role, with or without code.

    ``constraints.metadata.task_class`` names a class of the user's own: letters, digits, ``_`` and ``-``, at most 48.
    """
    named = task.constraints.metadata.get("task_class")
    if isinstance(named, str) and 0 < len(named) <= 48 and all(_may_stand(c) for c in named):
        return named
    kind = "code" if task.repo is not None else "text" if task.entry_point is None else "function"
    return f"{task.role[:48]}-{kind}"


def _may_stand(character: str) -> bool:
    return character.isascii() and (character.isalnum() or character in "_-")
