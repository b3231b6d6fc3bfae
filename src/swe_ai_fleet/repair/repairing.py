"""One agent's repair of one repository: from the failing check to a verified patch with its story, or to why not."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from swe_ai_fleet.ports.checks import Sandbox
from swe_ai_fleet.repair.baseline import Baseline, establish
from swe_ai_fleet.repair.candidates import Candidate, single_edits
from swe_ai_fleet.repair.choosing import Choice, choose
from swe_ai_fleet.repair.files import editable_files, read_sources, unified_diff
from swe_ai_fleet.repair.harness import Behaviours, Harness, open_harness
from swe_ai_fleet.repair.localise import Suspect, localise
from swe_ai_fleet.repair.plan import SuitePlan
from swe_ai_fleet.repair.search import OpenCold, Plausible, Search, Tally
from swe_ai_fleet.repair.source import Source

_BASELINE_SHARE = 0.35
"""Of the time, at most, for finding out what fails and what the tests execute."""
_RESERVE_S = 1.5
_COMPARED_TESTS = 10
"""Failing and passing tests, of each, whose calls are mutated to compare candidates."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairJob:
    """What one agent is to repair."""

    folder: Path
    """A private copy of the repository."""
    plan: SuitePlan
    description: str
    protected: Sequence[str]
    known_passing: frozenset[str]
    shard: int
    shards: int
    deadline: float
    """On the event loop's clock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """A patch that was verified, and what led to it."""

    patch: str
    chosen: Choice
    plausible: tuple[Plausible, ...]
    suspects: tuple[Suspect, ...]
    baseline: Baseline
    tally: Tally
    verified: bool
    """The whole suite passed after a fresh import; False: there was no time for it."""


class NothingFoundError(Exception):
    """The search ended without anything plausible."""

    def __init__(self, reason: str, tally: Tally | None = None, suspects: Sequence[Suspect] = ()) -> None:
        """Say why, with what was tried."""
        super().__init__(reason)
        self.reason = reason
        self.tally = tally
        self.suspects = tuple(suspects)


async def repair(job: RepairJob, sandbox: Sandbox) -> Repair:
    """Find, verify and choose.

    Raises:
        NothingFoundError: nothing passes, or nothing fails; the message says what was tried.
        HarnessError: the suite cannot be held in a harness.
        SandboxError: the sandbox does not work.
    """
    left = job.deadline - _now()
    files = editable_files(job.folder, protected=job.protected)
    if not files:
        raise NothingFoundError("the repository has no Python file that may be edited")
    async with open_harness(sandbox, job.folder, job.plan, mode="warm", wall_s=left + 30) as harness:
        baseline = await establish(
            harness, files=files, known_passing=job.known_passing, seconds=_BASELINE_SHARE * left
        )
        if not baseline.failing:
            raise NothingFoundError("no test fails on the unchanged code")
        return await _search(job, sandbox, harness, baseline, files)


async def _search(
    job: RepairJob, sandbox: Sandbox, harness: Harness, baseline: Baseline, files: Sequence[str]
) -> Repair:
    touched = {file for run in baseline.failing for file in [*run.lines, *(f for f, _ in run.frames)]}
    sources = read_sources(job.folder, sorted(touched & set(files)))
    suspects = localise(sources, [*baseline.failing, *baseline.passing], text=job.description)

    def open_cold() -> AbstractAsyncContextManager[Harness]:
        return open_harness(sandbox, job.folder, job.plan, mode="cold", wall_s=job.deadline - _now() + 30)

    def belongs(candidate: Candidate) -> bool:
        return candidate.belongs_to(job.shard, job.shards)

    search = Search(
        harness=harness,
        open_cold=open_cold,
        baseline=baseline,
        sources=sources,
        candidates=filter(belongs, single_edits(suspects, harness.types)),
        belongs=belongs,
        deadline=job.deadline - _RESERVE_S,
    )
    plausible = await search.run()
    behaviours = await _behaviours(harness, plausible, baseline)
    for choice in choose(plausible, behaviours, symptoms=_symptoms(baseline)):
        verdict = await _verify(open_cold, choice.plausible, baseline, job.deadline)
        if verdict is not False:
            return Repair(
                patch=unified_diff(sources, choice.plausible.candidate.edits),
                chosen=choice,
                plausible=tuple(plausible),
                suspects=tuple(suspects[:10]),
                baseline=baseline,
                tally=search.tally,
                verified=verdict is True,
            )
    raise NothingFoundError(_why_nothing(search.tally, suspects, sources), search.tally, suspects[:10])


async def _verify(open_cold: OpenCold, choice: Plausible, baseline: Baseline, deadline: float) -> bool | None:
    """Whether the whole suite passes after a fresh import; None where there was no time to see."""
    if deadline - _now() < 2 * baseline.all_cpu_s + 1.0:
        return None
    cpu_s = 2.0 + 10 * baseline.longest_s
    async with open_cold() as cold:
        async for tried in cold.attempt(
            iter([choice.candidate]), cpu_s=cpu_s, wall_s=2 * cpu_s + 30, once=False, ids=None
        ):
            return tried.verdict == "pass"
    return None


async def _behaviours(
    harness: Harness, plausible: Sequence[Plausible], baseline: Baseline
) -> Behaviours | None:
    """What the candidates do on mutated inputs; None where there is nothing to compare."""
    if len(plausible) < 2:
        return None
    passing = [run.index for run in sorted(baseline.passing, key=lambda run: run.cpu_s)][:_COMPARED_TESTS]
    failing = baseline.first[:_COMPARED_TESTS]
    candidates = [one.candidate for one in plausible]
    cpu_s = 0.1 + 4 * baseline.failing_s
    return await harness.behave(candidates, tests=[*failing, *passing], passing=passing, seed=0, cpu_s=cpu_s)


def _symptoms(baseline: Baseline) -> frozenset[str]:
    """How the failing tests fail: type names, ``time`` for those that do not end."""
    return frozenset("time" if run.slow else run.error.split(":")[0] for run in baseline.failing)


def _why_nothing(tally: Tally, suspects: Sequence[Suspect], sources: dict[str, Source]) -> str:
    where = ", ".join(f"{s.source.path}:{s.statement.lineno}" for s in suspects[:3]) or "nowhere"
    return (
        f"{tally.singles} single edits and {tally.pairs} pairs at {len(suspects)} suspected statements of "
        f"{len(sources)} files were tried and none passes; most suspected: {where}"
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
