"""How many faulty programs a council repairs: fixed (what it saw passes) and correct (what was hidden passes too)."""

import statistics
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from swe_ai_fleet.bench.repair_programs import Half, Program
from swe_ai_fleet.domain.check import CheckStatus
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.domain.task import Budget, RepoRef, Task
from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.errors import SandboxError
from swe_ai_fleet.ports.checks import CheckRunner
from swe_ai_fleet.sandbox.git import git
from swe_ai_fleet.sandbox.repositories import resolve_repo

_AUTHOR = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
_HIDDEN_S = 60.0

Deliberate = Callable[[Task], Awaitable[Result]]
"""Runs one task to its result, the way that a user's task is run."""


class RepairScore(Value):
    """What became of one program."""

    name: str
    half: Half
    """The half of the tests that was shown: the even one, unless nothing in it fails."""
    fixed: bool
    """There is a winner, and every test that was shown passes with it."""
    correct: bool
    """Every hidden test passes with it too."""
    seconds: float
    """From the request to the result."""
    outcome: DeliberationOutcome
    reason: str
    patch: str | None = None


class RepairBench(Value):
    """What became of all of them, in the order in which they were given."""

    agents: int
    seconds: float
    """The budget of each."""
    soft_seconds: float
    """From here on the first safe decision ended it."""
    scores: tuple[RepairScore, ...]

    @property
    def fixed(self) -> int:
        """Programs of which everything that was shown passes."""
        return sum(score.fixed for score in self.scores)

    @property
    def correct(self) -> int:
        """Programs of which everything passes."""
        return sum(score.correct for score in self.scores)

    @property
    def median_s(self) -> float:
        """Median seconds to the result of those that are correct; 0 where none is."""
        return statistics.median([score.seconds for score in self.scores if score.correct] or [0.0])


async def bench_repair(
    programs: Sequence[Program],
    *,
    deliberate: Deliberate,
    checks: CheckRunner,
    agents: int,
    budget: Budget,
    told: Callable[[RepairScore], None] = lambda _: None,
) -> RepairBench:
    """Give every program to a council of ``agents`` with this budget, one after the other.

    Args:
        programs: what to repair.
        deliberate: runs a task.
        checks: judges the winner on the hidden half, after the result is there.
        agents: of each council.
        budget: of each deliberation.
        told: called with each score as it is known.

    Raises:
        FleetError: what is raised by ``deliberate`` and ``checks``.
    """
    scores: list[RepairScore] = []
    for program in programs:
        with tempfile.TemporaryDirectory(prefix="fleet-bench-") as folder:
            score = await _score(program, Path(folder), deliberate, checks, agents, budget)
        told(score)
        scores.append(score)
    return RepairBench(
        agents=agents, seconds=budget.seconds, soft_seconds=budget.soft_s, scores=tuple(scores)
    )


async def _score(
    program: Program, folder: Path, deliberate: Deliberate, checks: CheckRunner, agents: int, budget: Budget
) -> RepairScore:
    half: Half = "even"
    task, repo = await _repository(program, folder / half, half, agents, budget)
    if not (await checks.check_base(task, repo)).failures():
        half = "odd"
        task, _ = await _repository(program, folder / half, half, agents, budget)
    result = await deliberate(task)
    fixed = result.winner is not None and _passes(result)
    hidden: Half = "odd" if half == "even" else "even"
    return RepairScore(
        name=program.name,
        half=half,
        fixed=fixed,
        correct=fixed and await _passes_hidden(program, result, folder / "hidden", hidden, checks),
        seconds=result.duration_s,
        outcome=result.outcome,
        reason=result.reason,
        patch=None if result.winner is None else result.winner.patch,
    )


def _passes(result: Result) -> bool:
    counts = result.ranking[0].checks
    return counts.passed > 0 and counts.failed == 0 and counts.errors == 0


async def _passes_hidden(
    program: Program, result: Result, folder: Path, half: Half, checks: CheckRunner
) -> bool:
    """Whether the winner passes the half that no agent has seen."""
    if result.winner is None:
        return False
    task, repo = await _repository(program, folder, half, 1, Budget(seconds=_HIDDEN_S))
    slower = tuple(check.model_copy(update={"timeout_s": _HIDDEN_S}) for check in task.checks)
    winner = result.winner
    proposal = Proposal(
        proposal_id=winner.proposal_id,
        agent_id=winner.agent_id,
        role=winner.role,
        model=winner.model,
        round=0,
        content=winner.patch or winner.content,
    )
    report = await checks.check(task.model_copy(update={"checks": slower}), repo, proposal)
    return report.applied and report.count(CheckStatus.PASSED) == len(slower)


async def _repository(
    program: Program, folder: Path, half: Half, agents: int, budget: Budget
) -> tuple[Task, RepoRef]:
    """The program as a repository with one commit, and its task."""
    program.write(folder, half=half)
    commands = (
        ("init", "--quiet"),
        ("add", "--all"),
        (*_AUTHOR, "commit", "--quiet", "--message", "As found"),
    )
    for command in commands:
        done = await git(*command, folder=folder)
        if done.exit_code != 0:
            raise SandboxError(f"git {command[0]} failed: {done.stderr.strip()}")
    task = program.task(folder, agents=agents, budget=budget)
    return task, await resolve_repo(str(folder), relative_to=folder)
