"""Search where a part of the suite cannot even be imported: every candidate imports it in a fork of its own."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.harness import Harness
from swe_ai_fleet.repair.search import OpenCold, Plausible, Tally

_CPU_S = 10.0
_WALL_S = 30.0


@dataclass(slots=True, kw_only=True)
class ImportSearch:
    """One agent's search: first the module that fails to import, then the whole suite."""

    open_cold: OpenCold
    where: tuple[str, ...]
    """Arguments that select the first module that cannot be imported; empty: everything."""
    candidates: Iterator[Candidate]
    deadline: float
    """On the event loop's clock."""
    tally: Tally = field(default_factory=Tally)

    async def run(self) -> list[Plausible]:
        """The first candidate with which everything is imported and passes; empty where there is none in time."""
        began = _now()
        async with self.open_cold() as cold:
            while _now() < self.deadline:
                candidate = await self._next_that_imports(cold)
                if candidate is None:
                    break
                if await self._passes(cold, candidate):
                    self.tally.seconds = _now() - began
                    return [Plausible(candidate=candidate, touching=0, found_after_s=self.tally.seconds)]
        self.tally.seconds = _now() - began
        return []

    async def _next_that_imports(self, cold: Harness) -> Candidate | None:
        """The next candidate with which the module is imported and its tests pass."""
        found: list[Candidate] = []

        def feed() -> Iterator[Candidate]:
            while (
                not found
                and _now() < self.deadline
                and (candidate := next(self.candidates, None)) is not None
            ):
                yield candidate

        async for tried in cold.attempt(
            feed(), cpu_s=_CPU_S, wall_s=_WALL_S, once=False, ids=None, args=self.where
        ):
            self.tally.note(tried)
            if tried.verdict == "pass":
                found.append(tried.candidate)
        return found[0] if found else None

    async def _passes(self, cold: Harness, candidate: Candidate) -> bool:
        async for tried in cold.attempt(
            iter([candidate]), cpu_s=_CPU_S, wall_s=_WALL_S, once=False, ids=None
        ):
            return tried.verdict == "pass"
        return False


def _now() -> float:
    return asyncio.get_running_loop().time()
