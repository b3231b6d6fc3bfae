"""Learning from peers: parts of a repair that lie in another agent's part of the space."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from swe_ai_fleet.domain.lesson import Lesson, PartialFix
from swe_ai_fleet.errors import RecordError
from swe_ai_fleet.ports.findings import Findings
from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.localise import Suspect
from swe_ai_fleet.repair.source import Edit

_PROGRESS = 3.0
"""What a single edit that got past the first failing test is worth in a pair, off its cost."""
PARTNERS = 600
"""Edits of all agents together of which pairs are made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """An edit that may be a part of a repair."""

    candidate: Candidate
    killed_by: str
    """The test that decided against it; empty where none did."""
    got_on: bool
    """It passed the first failing test."""

    @property
    def rank(self) -> float:
        """Its cost, less what it is worth that it got on; lower is tried sooner."""
        return self.candidate.cost - (_PROGRESS if self.got_on else 0.0)


@dataclass(slots=True, kw_only=True)
class Peers:
    """What the others have taught so far."""

    findings: Findings
    suspects: Sequence[Suspect]
    agents: int
    """Searching agents of the council, this one included."""
    partners: list[Partner] = field(default_factory=list)
    kills: Counter[str] = field(default_factory=Counter)
    heard: int = 0
    """Lessons so far."""
    _news: asyncio.Event = field(default_factory=asyncio.Event, init=False)
    _ended: bool = field(default=False, init=False)

    async def share(self, *, tried: int, kills: Mapping[str, int], partners: Iterable[Partner]) -> None:
        """Teach; where the record does not take it, the search goes on alone."""
        own = sorted(partners, key=lambda one: one.rank)[: PARTNERS // self.agents]
        lesson = Lesson(tried=tried, kills=dict(kills), promising=tuple(_told(one) for one in own))
        try:
            await self.findings.share(lesson)
        except RecordError:
            self._ended = True

    async def listen(self) -> None:
        """Take lessons in until there can be no more."""
        try:
            async with self.findings.of_peers() as lessons:
                async for lesson in lessons:
                    self.take(lesson)
        except RecordError:
            pass  # without peers a search is slower, not wrong
        finally:
            self._ended = True
            self._news.set()

    def take(self, lesson: Lesson) -> None:
        """Understand one lesson; edits at statements that are not suspected here are left out."""
        places = {(one.source.path, one.statement.lineno): one for one in self.suspects}
        for part in lesson.promising:
            suspect = places.get((part.file, part.line))
            if suspect is not None and part.start <= part.end <= len(suspect.source.text):
                self.partners.append(_understood(part, suspect))
        self.kills.update(lesson.kills)
        self.heard += 1
        self._news.set()

    async def more(self, known: int, *, until: float) -> bool:
        """Wait for a lesson beyond the first ``known`` ones; False where none comes before ``until``.

        Args:
            known: lessons that the caller has used.
            until: on the event loop's clock.
        """
        while self.heard <= known and not self._ended:
            self._news.clear()
            try:
                async with asyncio.timeout_at(until):
                    await self._news.wait()
            except TimeoutError:
                return False
        return self.heard > known


@asynccontextmanager
async def listening(peers: Peers | None) -> AsyncIterator[None]:
    """Lessons are taken in until the block ends; there may be nobody to listen to."""
    if peers is None:
        yield
        return
    listener = asyncio.ensure_future(peers.listen())
    try:
        yield
    finally:
        listener.cancel()
        await asyncio.wait([listener])


def _told(partner: Partner) -> PartialFix:
    candidate = partner.candidate
    [edit], [suspect] = candidate.edits, candidate.suspects
    return PartialFix(
        file=edit.file,
        start=edit.start,
        end=edit.end,
        text=edit.text,
        line=suspect.statement.lineno,
        family=candidate.families[0],
        cost=candidate.cost,
        killed_by=partner.killed_by,
        got_on=partner.got_on,
    )


def _understood(part: PartialFix, suspect: Suspect) -> Partner:
    candidate = Candidate(
        edits=(Edit(part.file, part.start, part.end, part.text),),
        families=(part.family,),
        suspects=(suspect,),
        cost=part.cost,
    )
    return Partner(candidate=candidate, killed_by=part.killed_by, got_on=part.got_on)
