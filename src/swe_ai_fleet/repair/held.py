"""Repair with a suite that a harness holds warm."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from swe_ai_fleet.domain.task import Check
from swe_ai_fleet.ports.checks import Sandbox
from swe_ai_fleet.repair.baseline import Baseline, establish
from swe_ai_fleet.repair.candidates import Candidate, single_edits
from swe_ai_fleet.repair.choosing import Choice, choose
from swe_ai_fleet.repair.clauses import watched
from swe_ai_fleet.repair.cold import open_cold
from swe_ai_fleet.repair.commands import run_command
from swe_ai_fleet.repair.files import read_sources, unified_diff, written
from swe_ai_fleet.repair.harness import Harness, open_harness
from swe_ai_fleet.repair.job import NothingFoundError, Repair, RepairJob, belongs_to, tried_in_vain
from swe_ai_fleet.repair.localise import Suspect, localise
from swe_ai_fleet.repair.peers import Peers, listening
from swe_ai_fleet.repair.plan import SuitePlan
from swe_ai_fleet.repair.said import Behaviours
from swe_ai_fleet.repair.search import Plausible, Search
from swe_ai_fleet.repair.source import Source

_BASELINE_SHARE = 0.35
"""Of the time, at most, for finding out what fails and what the tests execute."""
_RESERVE_SHARE = 0.1
_RESERVE_S = 1.5
_COMPARED_SHARE = 0.4
"""Of the time that is left after the search, at most, for comparing what was found."""
_COMPARED_TESTS = 10
"""Failing and passing tests, of each, whose calls are mutated to compare candidates."""
_WATCHED_TESTS = 50
_LEAST_S = 60.0


async def repair_held(
    job: RepairJob, check: Check, plan: SuitePlan, files: Sequence[str], sandbox: Sandbox
) -> Repair:
    """Find, choose and verify with this check's suite.

    Raises:
        NothingFoundError: nothing passes, or nothing fails; the message says what was tried.
        UnimportableError: a part of the suite cannot be imported.
        HarnessError: the suite cannot be held warm.
        SandboxError: the sandbox does not work.
    """
    left = job.deadline - _now()
    async with open_harness(sandbox, job.folder, plan, mode="warm", wall_s=left + _LEAST_S) as harness:
        harness.require_importable()
        baseline = await establish(harness, files=files, known=job.known, seconds=_BASELINE_SHARE * left)
        if not baseline.failing:
            raise NothingFoundError(f"no test of the check {check.name} fails in a second run")
        held = _Held(job=job, check=check, plan=plan, sandbox=sandbox, harness=harness, baseline=baseline)
        return await held.repair(files)


@dataclass(slots=True, kw_only=True)
class _Held:
    """A suite with its baseline, ready for the search."""

    job: RepairJob
    check: Check
    plan: SuitePlan
    sandbox: Sandbox
    harness: Harness
    baseline: Baseline

    async def repair(self, files: Sequence[str]) -> Repair:
        """Search, choose, verify."""
        runs = self.baseline.failing
        touched = {file for run in runs for file in [*run.lines, *(f for f, _ in run.frames)]}
        sources = read_sources(self.job.folder, sorted(touched & set(files)))
        suspects = localise(sources, [*runs, *self.baseline.passing], text=self.job.description)
        belongs = belongs_to(self.job)
        left = self.job.deadline - _now()
        search = Search(
            harness=self.harness,
            open_cold=partial(open_cold, self.job, self.plan, sources, self.sandbox),
            baseline=self.baseline,
            sources=sources,
            candidates=filter(belongs, single_edits(suspects, self.harness.types)),
            belongs=belongs,
            peers=self._peers(suspects),
            deadline=self.job.deadline - max(_RESERVE_S, _RESERVE_SHARE * left),
        )
        async with listening(search.peers):
            return await self._found(search, suspects, sources)

    async def _found(self, search: Search, suspects: Sequence[Suspect], sources: dict[str, Source]) -> Repair:
        """The best that holds after a fresh import; the search goes on where nothing does."""
        broke = 0
        while plausible := await search.run():
            seen, idle = await self._behaviours(plausible), await self._idle(plausible, sources)
            for choice in choose(plausible, seen, symptoms=self._symptoms(), idle=idle):
                verdict = await self._verify(choice, sources)
                if verdict is not False:
                    return Repair(
                        patch=unified_diff(sources, choice.plausible.candidate.edits),
                        chosen=choice,
                        plausible=len(plausible),
                        suspects=tuple(suspects[:10]),
                        failing=tuple(run.test for run in self.baseline.failing),
                        tally=search.tally,
                        verified=verdict is True,
                    )
            broke += len(plausible)
            search.go_on()
        raise tried_in_vain(search.tally, suspects, broke=broke)

    def _peers(self, suspects: Sequence[Suspect]) -> Peers | None:
        """The other agents that search the same space; None where there are none."""
        job = self.job
        if job.findings is None or job.shards < 2:
            return None
        return Peers(findings=job.findings, suspects=suspects, agents=job.shards)

    async def _behaviours(self, plausible: Sequence[Plausible]) -> Behaviours | None:
        """What the candidates do on mutated inputs; None where there is nothing to compare."""
        left = self.job.deadline - _now()
        if not plausible or left < _RESERVE_S:
            return None
        quick = sorted(self.baseline.passing, key=lambda run: (not run.lines, run.cpu_s))
        passing = [run.index for run in quick[:_COMPARED_TESTS]]
        tests = [*self.baseline.first[:_COMPARED_TESTS], *passing]
        candidates = [one.candidate for one in plausible]
        cpu_s = 0.1 + 4 * self.baseline.failing_s
        return await self.harness.behave(
            candidates, tests=tests, passing=passing, seed=0, cpu_s=cpu_s, seconds=_COMPARED_SHARE * left
        )

    async def _idle(self, plausible: Sequence[Plausible], sources: dict[str, Source]) -> frozenset[int]:
        """Which of them make a condition that has the same value in every test."""
        watching = {
            n: c for n, one in enumerate(plausible) if (c := watched(one.candidate, sources)) is not None
        }
        if not watching or self.job.deadline - _now() < 2 * _RESERVE_S:
            return frozenset()
        quick = sorted(self.baseline.passing, key=lambda run: (not run.lines, run.cpu_s))
        tests = [*self.baseline.first, *(run.index for run in quick[:_WATCHED_TESTS])]
        seen = await self.harness.watch(watching, tests=tests, cpu_s=self.baseline.patient_s)
        return frozenset(number for number, values in seen.items() if len(values) == 1)

    def _symptoms(self) -> frozenset[str]:
        """How the failing tests fail: type names, ``time`` for those that do not end."""
        return frozenset("time" if run.slow else run.error.split(":")[0] for run in self.baseline.failing)

    async def _verify(self, choice: Choice, sources: dict[str, Source]) -> bool | None:
        """Whether everything passes after a fresh import; None where there was no time to see."""
        suite_s = self.baseline.all_cpu_s if self.job.suite_s is None else self.job.suite_s
        if self.job.deadline - _now() < 1.5 * suite_s + 1.0:
            return None
        candidate = choice.plausible.candidate
        cpu_s = 1.0 + self.baseline.patient_s
        async with open_cold(self.job, self.plan, sources, self.sandbox) as cold:
            passes = await _passes(cold, candidate, cpu_s) or await _passes(cold, candidate, cpu_s)
        if not passes:  # twice, for a suite that is not steady
            return False
        rest = [c for c in [*self.job.failing, *self.job.others] if c.name != self.check.name]
        with written(self.job.folder, sources, candidate.edits):
            for check in rest:
                left = self.job.deadline - _now()
                if left < 1.0:
                    return None
                done = await run_command(self.sandbox, self.job.folder, check, limit_s=left)
                if done.exit_code != 0:
                    return False
        return True


async def _passes(cold: Harness, candidate: Candidate, cpu_s: float) -> bool:
    """Whether the whole suite passes, freshly imported."""
    async for tried in cold.attempt(
        iter([candidate]), cpu_s=cpu_s, wall_s=2 * cpu_s + 30, once=False, ids=None
    ):
        return tried.verdict == "pass"
    return False


def _now() -> float:
    return asyncio.get_running_loop().time()
