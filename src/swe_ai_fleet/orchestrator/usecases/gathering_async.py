"""Gathering evidence that compares answers: proposed checks run on all of them, functions run on all inputs."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field

from swe_ai_fleet.domain.check import CheckReport, CheckStatus, Trial
from swe_ai_fleet.domain.council import BASE_AGENT
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.errors import SandboxError, SandboxUnavailableError
from swe_ai_fleet.ports.cells import Call, CellLimits, CellRunner, Program
from swe_ai_fleet.ports.checks import CheckRunner
from swe_ai_fleet.ranking.observing import ObservationPlan, counted, expected_outputs, plan_observation
from swe_ai_fleet.ranking.programs import program_in

LIMITS = CellLimits(cell_s=0.2, timeouts=3)
_SEEDS = (0, 1)
"""Of the two runs of every cell; what differs between them is not deterministic."""
_JOBS_AT_ONCE = 4
_IDENTITY = Program(source="def identity(value):\n    return value\n", entry_point="identity")


async def try_checks(
    runner: CheckRunner, task: Task, repo: RepoRef, checks: Proposal, answers: Sequence[Proposal]
) -> CheckReport:
    """Run proposed checks on the unchanged commit, then on all answers at once.

    Where they say nothing of the unchanged commit, or nothing fails there, no case can count and no answer is tried.

    Raises:
        SandboxUnavailableError: nothing strong enough contains them.
    """
    base = await _trial(runner, task, repo, checks, None)
    trials = [base]
    if base.is_verdict and (base.status is CheckStatus.FAILED or "failed" in base.cases.values()):
        async with asyncio.TaskGroup() as group:
            runs = [group.create_task(_trial(runner, task, repo, checks, one)) for one in answers]
        trials += [run.result() for run in runs]
    return report_of(checks.proposal_id, trials)


async def _trial(
    runner: CheckRunner, task: Task, repo: RepoRef, checks: Proposal, answer: Proposal | None
) -> Trial:
    """One run; where it cannot be made, that is what it says: what one agent proposes must not end the deliberation."""
    try:
        return await runner.try_checks(task, repo, checks, answer)
    except SandboxUnavailableError:
        raise
    except SandboxError as error:
        on = BASE_AGENT if answer is None else answer.proposal_id
        return Trial(on=on, status=CheckStatus.ERROR, note=str(error))


def report_of(proposal_id: str, trials: Sequence[Trial]) -> CheckReport:
    """The report of proposed checks; they do not apply where they say nothing of the unchanged commit."""
    base = next(trial for trial in trials if trial.on == BASE_AGENT)
    answers = sorted((trial for trial in trials if trial is not base), key=lambda trial: trial.on)
    return CheckReport(
        proposal_id=proposal_id,
        applied=base.is_verdict,
        reason="" if base.is_verdict else base.note,
        trials=(base, *answers),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """One row of a function's matrix, or what one author expects; ``proposal`` is None for the task's examples."""

    proposal: Proposal | None
    report: CheckReport


async def observe(runner: CellRunner, state: Deliberation, round_: int) -> AsyncGenerator[Observed, None]:
    """Run the functions of a round on the pooled inputs; each report as soon as its row is complete.

    Reports that are on the record already are not made again.

    Raises:
        SandboxUnavailableError: nothing strong enough contains the functions.
    """
    plan = plan_of(state, state.checks_proposed())
    if round_ == 0:
        canonical = await canonical_texts(runner, plan.expectations)
        for row in _expectations(state, plan, canonical):
            yield row
    answers = [p for p in state.answers(round_) if p.proposal_id not in state.reports]
    sources = {p.proposal_id: program_in(p.content, state.task.entry_point or "") for p in answers}
    for proposal in answers:
        if sources[proposal.proposal_id] is None:
            reason = f"there is no Python in it that defines {state.task.entry_point}"
            yield _row(proposal, applied=False, reason=reason)
    programs = list(dict.fromkeys(source for source in sources.values() if source is not None))
    async with aclosing(run_matrix(runner, programs, state.task.entry_point or "", plan.groups)) as rows:
        async for source, outputs in rows:
            for proposal in answers:
                if sources[proposal.proposal_id] == source:
                    yield _row(proposal, outputs=dict(outputs))


def plan_of(state: Deliberation, checks: Sequence[Proposal]) -> ObservationPlan:
    """The plan that these proposed checks amount to."""
    seed = 0 if state.requested is None else state.requested.seed
    return plan_observation(state.task, [(p.agent_id, p.content) for p in checks], seed=seed)


async def canonical_texts(runner: CellRunner, expected: Sequence[str]) -> dict[str, str]:
    """What expected values, given as source, look like as outputs: they take the same way as the programs' own."""
    found: dict[str, str] = {}
    calls = [Call(arguments=source) for source in expected]
    async for cell in runner.run([_IDENTITY], calls, limits=LIMITS):
        if cell.status == "ok" and cell.output is not None:
            found[expected[cell.call]] = cell.output
    return found


async def run_matrix(
    runner: CellRunner,
    programs: Sequence[str],
    entry_point: str,
    groups: Sequence[Sequence[str]],
    *,
    limits: CellLimits = LIMITS,
    seeds: Sequence[int] = _SEEDS,
) -> AsyncGenerator[tuple[str, Mapping[str, str]], None]:
    """Each program's source with its outputs by input, as soon as its row is complete.

    An input is missing where the program raised, took too long, returned what has no canonical text, or did not
    return the same under every seed. Every input stands in one group, and groups are run apart: a program that
    exhausts its limits on one has them anew on the others. Leaving the iteration ends what runs.
    """
    jobs = [
        _Job(inputs=inputs, limits=limits.model_copy(update={"seed": seed}))
        for inputs in groups
        for seed in seeds
    ]
    rows = {source: _Row(parts=len(jobs)) for source in programs}
    if not jobs:
        for source in programs:
            yield source, {}
        return
    modules = [Program(source=source, entry_point=entry_point) for source in programs]
    parts: asyncio.Queue[_Part | None] = asyncio.Queue()
    owner = asyncio.ensure_future(_run_jobs(runner, modules, jobs, parts))
    try:
        while (part := await parts.get()) is not None:
            source = programs[part.program]
            if rows[source].take(part):
                yield source, rows[source].outputs
        await owner
    finally:
        owner.cancel()
        with suppress(asyncio.CancelledError):
            await owner


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """One run of all programs on one group of inputs, under one seed."""

    inputs: Sequence[str]
    limits: CellLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """All that one program said in one job, by input; None where it returned nothing."""

    program: int
    said: dict[str, str | None]


async def _run_jobs(
    runner: CellRunner,
    programs: Sequence[Program],
    jobs: Sequence[_Job],
    parts: "asyncio.Queue[_Part | None]",
) -> None:
    """Put the parts of every job on the queue as they are complete, a few jobs at once; None ends it."""
    slots = asyncio.Semaphore(_JOBS_AT_ONCE)

    async def run(job: _Job) -> None:
        calls = [Call(arguments=text) for text in job.inputs]
        said: list[dict[str, str | None]] = [{} for _ in programs]
        async with slots, aclosing(runner.run(programs, calls, limits=job.limits)) as cells:
            async for cell in cells:
                row = said[cell.program]
                row[job.inputs[cell.call]] = cell.output if cell.status == "ok" else None
                if len(row) == len(calls):
                    parts.put_nowait(_Part(program=cell.program, said=row))

    try:
        async with asyncio.TaskGroup() as group:
            for job in jobs:
                group.create_task(run(job))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    finally:
        parts.put_nowait(None)


@dataclass(slots=True, kw_only=True)
class _Row:
    """One program's outputs as its parts come."""

    parts: int
    _said: dict[str, str | None] = field(default_factory=dict)

    def take(self, part: _Part) -> bool:
        """Note it; True where the row is complete now."""
        for text, output in part.said.items():
            self._said[text] = output if self._said.get(text, output) == output else None
        self.parts -= 1
        return self.parts == 0

    @property
    def outputs(self) -> dict[str, str]:
        """What the program returned, by input, sorted."""
        return {text: output for text, output in sorted(self._said.items()) if output is not None}


def _expectations(state: Deliberation, plan: ObservationPlan, canonical: Mapping[str, str]) -> list[Observed]:
    """What the task's examples and every tester's checks expect."""
    rows = []
    examples = expected_outputs(plan.examples, canonical)
    if examples and state.base is None:
        report = CheckReport(proposal_id=BASE_AGENT, applied=True, outputs=examples)
        rows.append(Observed(proposal=None, report=report))
    tests = dict(plan.tests)
    for proposal in state.checks_proposed():
        if proposal.proposal_id not in state.reports:
            assertions = tests.get(proposal.agent_id)
            if assertions is None:
                continue  # it came after the plan was made; the next run of the matrix has it
            reason = "" if assertions else f"there is no assertion about {state.task.entry_point} in it"
            outputs = expected_outputs(counted(assertions), canonical)
            rows.append(_row(proposal, applied=bool(assertions), reason=reason, outputs=outputs))
    return rows


def _row(
    proposal: Proposal, *, applied: bool = True, reason: str = "", outputs: Mapping[str, str] | None = None
) -> Observed:
    report = CheckReport(
        proposal_id=proposal.proposal_id, applied=applied, reason=reason, outputs=dict(outputs or {})
    )
    return Observed(proposal=proposal, report=report)
