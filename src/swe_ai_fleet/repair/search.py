"""The search: single edits in order, then what needs more time or a fresh import, then pairs."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from swe_ai_fleet.repair.baseline import Baseline, lines_around
from swe_ai_fleet.repair.candidates import Candidate, pairs
from swe_ai_fleet.repair.harness import Harness
from swe_ai_fleet.repair.peers import PARTNERS, Partner, Peers
from swe_ai_fleet.repair.said import Tried
from swe_ai_fleet.repair.source import Edit, Source

_UNLIKELY = 2.5
"""Candidates that cost so much more than a plausible one are not worth waiting for."""
_MIN_LINGER_S = 4.0
_NEIGHBOURS = 300
"""Candidates that are tried at least after a plausible one, while there is time to linger."""
_MAX_LINGER_S = 10.0
_ENOUGH = 12
"""Plausible candidates after which more of them would not help to choose."""
_UNDECIDED = ("slow", "died")
"""Verdicts that no test has given."""
_FRESH_BATCH = 8
_FRESH_SHARE = 0.3
"""Of the time, at most, for candidates that need a fresh import while cheaper ones wait."""


@dataclass(slots=True)
class Tally:
    """What was tried."""

    singles: int = 0
    pairs: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    killers: Counter[int] = field(default_factory=Counter)
    """How many candidates each test has decided against."""
    seconds: float = 0.0

    def note(self, tried: Tried) -> None:
        """Count one."""
        if len(tried.candidate.edits) > 1:
            self.pairs += 1
        else:
            self.singles += 1
        self.verdicts[tried.verdict] += 1
        if tried.test is not None:
            self.killers[tried.test] += 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Plausible:
    """A candidate that passes the failing tests and all others that its change can touch."""

    candidate: Candidate
    touching: int
    """How many passing tests it was tried on."""
    found_after_s: float


OpenCold = Callable[[], AbstractAsyncContextManager[Harness]]


@dataclass(slots=True, kw_only=True)
class Search:
    """One agent's search in its part of the candidates."""

    harness: Harness
    open_cold: OpenCold
    baseline: Baseline
    sources: Mapping[str, Source]
    candidates: Iterator[Candidate]
    """Of this agent's shard, cheapest first."""
    belongs: Callable[[Candidate], bool]
    """Whether a pair is this agent's."""
    deadline: float
    """On the event loop's clock."""
    peers: Peers | None = None
    """The council's other searching agents; None where there are none."""
    tally: Tally = field(default_factory=Tally)
    plausible: list[Plausible] = field(default_factory=list)
    _passed: list[Candidate] = field(default_factory=list, init=False)
    _waiting: list[Candidate] = field(default_factory=list, init=False)
    """What was slow, or took its process along: to be tried once more, with more time."""
    _given_time: set[tuple[Edit, ...]] = field(default_factory=set, init=False)
    _fresh: list[Candidate] = field(default_factory=list, init=False)
    _partners: list[Partner] = field(default_factory=list, init=False)
    _pairs_tried: set[tuple[Edit, ...]] = field(default_factory=set, init=False)
    _began: float = field(default=0.0, init=False)
    _shared: bool = field(default=False, init=False)
    _fresh_s: float = field(default=0.0, init=False)
    _cost: float = field(default=0.0, init=False)
    """Of the candidate that was tried last."""
    _tried_since: int = field(default=0, init=False)
    """Candidates tried since the first plausible one."""

    async def run(self) -> list[Plausible]:
        """Search until something plausible was found and its neighbours were seen, or the time or the space ends."""
        self._began = _now()
        quick = 0.05 + 8 * self.baseline.failing_s
        patient = max(self.baseline.patient_s / 10, 0.5 + 40 * self.baseline.failing_s)
        await self._stage(self.candidates, cpu_s=quick)
        await self._try_fresh(everything=True)
        await self._stage(self._once_more(), cpu_s=patient, once=False)
        if self.peers is not None and not self.is_over and not self._shared:
            self._shared = True
            kills = {self._name(test): count for test, count in self.tally.killers.items()}
            await self.peers.share(tried=self.tally.singles, kills=kills, partners=self._partners)
        await self._try_pairs(cpu_s=quick)
        self.tally.seconds += _now() - self._began
        return self.plausible

    @property
    def is_over(self) -> bool:
        """Time is up, or enough was found and the wait for better ones is over."""
        now = _now()
        if now >= self.deadline or len(self.plausible) >= _ENOUGH:
            return True
        if not self.plausible:
            return False
        first = self.plausible[0].found_after_s
        gap = self._cost - min(one.candidate.cost for one in self.plausible)
        waited = now - self._began - first
        is_enough = waited >= max(_MIN_LINGER_S, first) and self._tried_since >= _NEIGHBOURS
        return gap >= _UNLIKELY or waited >= _MAX_LINGER_S or is_enough

    def go_on(self) -> None:
        """None of what was plausible held: :meth:`run` searches on from here."""
        self.plausible.clear()
        self._tried_since = 0

    def _may_wait(self, candidate: Candidate) -> bool:
        return len(candidate.edits) == 1 and candidate.edits not in self._given_time

    def _once_more(self) -> Iterator[Candidate]:
        """What no test has decided against."""
        while self._waiting:
            candidate = self._waiting.pop(0)
            self._given_time.add(candidate.edits)
            yield candidate

    async def _try_pairs(self, *, cpu_s: float) -> None:
        """Pairs of this agent's part; those with edits of peers as these become known."""
        while True:
            known = 0 if self.peers is None else self.peers.heard
            await self._stage(self._pairs(), cpu_s=cpu_s)
            if self.is_over or self.peers is None or not await self.peers.more(known, until=self.deadline):
                return

    def _pairs(self) -> Iterator[Candidate]:
        """Pairs that have not been tried, likeliest first; begun anew with every lesson."""
        while True:
            known = 0 if self.peers is None else self.peers.heard
            partners = self._partners + ([] if self.peers is None else self.peers.partners)
            singles = [one.candidate for one in sorted(partners, key=lambda one: one.rank)[:PARTNERS]]
            for pair in filter(self.belongs, pairs(singles)):
                if pair.edits in self._pairs_tried:
                    continue
                self._pairs_tried.add(pair.edits)
                yield pair
                if self.peers is not None and self.peers.heard > known:
                    break
            else:
                return

    def _name(self, test: int) -> str:
        return self.harness.collected.tests[test]

    async def _stage(self, candidates: Iterator[Candidate], *, cpu_s: float, once: bool = True) -> None:
        """Try them all, checking at once what passes."""
        ended: list[bool] = []

        def feed() -> Iterator[Candidate]:
            while not self._passed and not self.is_over and not self._is_fresh_due():
                candidate = next(candidates, None)
                if candidate is None:
                    ended.append(True)
                    return
                yield candidate

        while not self.is_over and not ended:
            async for tried in self.harness.attempt(
                feed(),
                cpu_s=cpu_s,
                wall_s=4 * cpu_s + 2,
                once=once,
                tests=self.baseline.first,
                canary=self.baseline.canary,
            ):
                self._take(tried)
            await self._examine()
            if self._is_fresh_due():
                await self._try_fresh(everything=False)

    def _take(self, tried: Tried) -> None:
        self.tally.note(tried)
        candidate = tried.candidate
        self._cost = candidate.cost
        self._tried_since += bool(self.plausible)
        if tried.verdict == "pass":
            self._passed.append(candidate)
        elif tried.verdict == "fresh":
            self._fresh.append(candidate)
        elif tried.verdict in _UNDECIDED and self._may_wait(candidate):
            self._waiting.append(candidate)
        if tried.verdict in ("fail", "slow") and len(candidate.edits) == 1:
            got_on = tried.test is not None and tried.test != self.baseline.first[0]
            killer = "" if tried.test is None else self._name(tried.test)
            self._partners.append(Partner(candidate=candidate, killed_by=killer, got_on=got_on))

    async def _examine(self) -> None:
        """The passing tests that the change can touch, on what passed the failing ones."""
        while self._passed:
            candidate = self._passed.pop(0)
            tests = self.baseline.touching(
                lines_around(self.sources, [(e.file, e.start, e.end) for e in candidate.edits])
            )
            wanted = [*self.baseline.later, *sorted(tests, key=self._kills, reverse=True)]
            if not wanted or await self._passes(candidate, wanted):
                self._add(candidate, touching=len(tests))

    def _kills(self, test: int) -> int:
        """How many edits the test has decided against, here and at peers: such tests are run first."""
        there = 0 if self.peers is None else self.peers.kills[self._name(test)]
        return self.tally.killers[test] + there

    async def _passes(self, candidate: Candidate, tests: list[int]) -> bool:
        """Whether these tests pass; asked once more where none has decided, as on a busy machine."""
        cpu_s = self.baseline.patient_s
        for _ in range(2):
            tries = self.harness.attempt(
                iter([candidate]), cpu_s=cpu_s, wall_s=2 * cpu_s + 5, once=False, tests=tests
            )
            [tried] = [tried async for tried in tries]
            if tried.verdict not in _UNDECIDED:
                if tried.test is not None:
                    self.tally.killers[tried.test] += 1
                return tried.verdict == "pass"
        return False

    def _is_fresh_due(self) -> bool:
        spent = _now() - self._began
        return len(self._fresh) >= _FRESH_BATCH and self._fresh_s <= _FRESH_SHARE * spent

    async def _try_fresh(self, *, everything: bool) -> None:
        """Candidates that need a new import, in a cold interpreter: all that wait, or the next few."""
        if not self._fresh or self.is_over:
            return
        began = _now()
        batch = self._fresh if everything else self._fresh[:_FRESH_BATCH]
        self._fresh = [] if everything else self._fresh[_FRESH_BATCH:]
        async with self.open_cold() as cold:
            ids = [run.test for run in self.baseline.failing]
            passed = [c async for c in self._that_pass(cold, batch, ids)]
            is_in_time = _now() < self.deadline
            whole = [c async for c in self._that_pass(cold, passed, None)] if is_in_time else passed
        for candidate in whole:
            self._add(candidate, touching=len(self.baseline.passing) if is_in_time else 0)
        self._fresh_s += _now() - began

    async def _that_pass(
        self, cold: Harness, batch: Sequence[Candidate], ids: Sequence[str] | None
    ) -> AsyncIterator[Candidate]:
        """Those with which these tests pass after a fresh import; all tests where ``ids`` is None."""
        if not batch:
            return
        cpu_s = self.baseline.patient_s
        tries = cold.attempt(iter(batch), cpu_s=cpu_s, wall_s=2 * cpu_s + 30, once=False, ids=ids)
        async for tried in tries:
            if tried.verdict == "pass":
                yield tried.candidate
            if self.is_over:
                return

    def _add(self, candidate: Candidate, *, touching: int) -> None:
        after_s = _now() - self._began
        self.plausible.append(Plausible(candidate=candidate, touching=touching, found_after_s=after_s))


def _now() -> float:
    return asyncio.get_running_loop().time()
