"""One agent's repair of one repository: from the failing check to a verified patch with its story, or to why not."""

import asyncio
import dataclasses
import re
from collections.abc import Sequence
from functools import partial

from swe_ai_fleet.domain.task import Check
from swe_ai_fleet.ports.checks import Sandbox
from swe_ai_fleet.repair.candidates import single_edits
from swe_ai_fleet.repair.choosing import choose
from swe_ai_fleet.repair.cold import open_cold
from swe_ai_fleet.repair.commands import CommandSearch, limit_for, observe
from swe_ai_fleet.repair.files import editable_files, read_sources, unified_diff
from swe_ai_fleet.repair.held import repair_held
from swe_ai_fleet.repair.job import NothingFoundError, Repair, RepairJob, belongs_to, tried_in_vain
from swe_ai_fleet.repair.localise import CaseRun, Suspect, localise
from swe_ai_fleet.repair.plan import SuitePlan, plan_of
from swe_ai_fleet.repair.said import HarnessError, UnimportableError
from swe_ai_fleet.repair.search import Plausible, Tally
from swe_ai_fleet.repair.source import Source
from swe_ai_fleet.repair.unimported import ImportSearch

_RESERVE_S = 1.5
_OBSERVED_SHARE = 0.25
"""Of the time, at most, for one run of a failing command on the unchanged code."""


async def repair(job: RepairJob, sandbox: Sandbox) -> Repair:
    """Find, choose and verify: in warm forked interpreters where a failing check allows it, else by plain processes.

    Raises:
        NothingFoundError: nothing passes, or nothing fails; the message says what was tried.
        SandboxError: the sandbox does not work.
    """
    named = [word for check in job.failing for word in re.split(r"[\s;&|()'\"]+", check.command)]
    files = editable_files(job.folder, protected=[*job.protected, *(w for w in named if w.endswith(".py"))])
    if not files:
        raise NothingFoundError("the repository has no Python file that may be edited")
    for check, plan in _held(job.failing):
        try:
            return await repair_held(job, check, plan, files, sandbox)
        except UnimportableError as error:
            return await _by_imports(job, check, plan, files, error, sandbox)
        except HarnessError:
            continue  # a suite that cannot be held warm can still be run
    return await _by_commands(job, files, sandbox)


def _held(checks: Sequence[Check]) -> list[tuple[Check, SuitePlan]]:
    """The failing checks that a harness may hold."""
    plans = [(check, plan_of(check.command)) for check in checks]
    return [(check, plan) for check, plan in plans if plan is not None]


async def _by_imports(
    job: RepairJob,
    check: Check,
    plan: SuitePlan,
    files: Sequence[str],
    error: UnimportableError,
    sandbox: Sandbox,
) -> Repair:
    """A fork a candidate that imports what cannot be imported."""
    seen, _ = await observe(
        sandbox, job.folder, check, limit_s=max(1.0, _OBSERVED_SHARE * (job.deadline - _now()))
    )
    run = dataclasses.replace(seen, frames=error.frames, error=error.error)
    suspects, sources = _suspects(job, run, files)

    are_options = all(argument.startswith("-") for argument in plan.arguments)
    is_selected = plan.framework == "pytest" and are_options
    search = ImportSearch(
        open_cold=partial(open_cold, job, plan, sources, sandbox),
        where=(*plan.arguments, error.where) if is_selected else (),
        candidates=filter(belongs_to(job), single_edits(suspects, {})),
        deadline=job.deadline - _RESERVE_S,
    )
    return _told(job, await search.run(), search.tally, suspects, sources)


async def _by_commands(job: RepairJob, files: Sequence[str], sandbox: Sandbox) -> Repair:
    """One process a candidate and check."""
    limit_s = max(1.0, _OBSERVED_SHARE * (job.deadline - _now()))
    run, plain_s = await observe(sandbox, job.folder, job.failing[0], limit_s=limit_s)
    suspects, sources = _suspects(job, run, files)
    search = CommandSearch(
        sandbox=sandbox,
        folder=job.folder,
        checks=[*job.failing, *job.others],
        sources=sources,
        candidates=filter(belongs_to(job), single_edits(suspects, {})),
        deadline=job.deadline - _RESERVE_S,
        limit_s=limit_for(plain_s),
    )
    return _told(job, await search.run(), search.tally, suspects, sources)


def _suspects(job: RepairJob, run: CaseRun, files: Sequence[str]) -> tuple[list[Suspect], dict[str, Source]]:
    touched = {*run.lines, *(file for file, _ in run.frames)} & set(files)
    sources = read_sources(job.folder, sorted(touched))
    return localise(sources, [run], text=job.description), sources


def _told(
    job: RepairJob,
    found: Sequence[Plausible],
    tally: Tally,
    suspects: Sequence[Suspect],
    sources: dict[str, Source],
) -> Repair:
    """What was found, or that nothing was."""
    if not found:
        raise tried_in_vain(tally, suspects)
    return Repair(
        patch=unified_diff(sources, found[0].candidate.edits),
        chosen=choose(found, None)[0],
        plausible=1,
        suspects=tuple(suspects[:10]),
        failing=tuple(check.name for check in job.failing),
        tally=tally,
        verified=True,
    )


def _now() -> float:
    return asyncio.get_running_loop().time()
