"""Checks of proposals in the sandbox: how many a second, and what one costs beside its bare command."""

import asyncio
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from swe_ai_fleet.bench.report import BenchReport, figure, report
from swe_ai_fleet.bench.surroundings import many
from swe_ai_fleet.bootstrap import build_check_runner
from swe_ai_fleet.domain.check import CheckReport, CheckStatus
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Check, RepoRef, Task
from swe_ai_fleet.ports.checks import CheckRunner
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.settings import Settings

_SOURCE = "def reorder(stock, minimum):\n    return max(0, minimum - stock)\n"
_FILES = 40
"""Further modules, so that a copy of the repository is more than one file."""
_QUESTION = "import stock; print(stock.reorder(1, 3))"
_IDENTITY = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")


async def measure_checks(*, checks: int = 40, repetitions: int = 5) -> BenchReport:
    """Check a proposal of one line, again and again, against a command that only starts Python and imports it.

    Args:
        checks: of one repetition, as many at once as the fleet runs.
        repetitions: of every figure, after one that does not count.

    Raises:
        SandboxUnavailableError: nothing strong enough contains untrusted code.
    """
    with tempfile.TemporaryDirectory(prefix="fleet-bench-", ignore_cleanup_errors=True) as root:
        repository = await _repository(Path(root, "stock"))
        runner = build_check_runner(Settings(data_dir=Path(root, "data")))
        task, proposal = _task(), _proposal()
        commanded_ms, checked_ms, rates = [], [], []
        containment = ""
        for _ in range(repetitions + 1):
            commanded_ms.append(1000 * await _bare_s(Path(root, "stock")))
            began = time.perf_counter()
            containment = _passed(await runner.check(task, repository, proposal))
            checked_ms.append(1000 * (time.perf_counter() - began))
            rates.append(checks / await _many_s(runner, task, repository, proposal, checks))
    added = [checked - bare for checked, bare in zip(checked_ms[1:], commanded_ms[1:], strict=True)]
    return report(
        "checks",
        {"checks": checks, "containment": containment, "files": _FILES + 1},
        [
            figure("proposals checked", "checks/s", rates[1:], digits=1),
            figure("one check", "ms", checked_ms[1:], digits=1),
            figure("its bare command", "ms", commanded_ms[1:], digits=1),
            figure("added to the bare command", "ms", added, aim="at most 40", digits=1),
        ],
    )


async def _many_s(
    runner: CheckRunner, task: Task, repository: RepoRef, proposal: Proposal, count: int
) -> float:
    async def check() -> None:
        _passed(await runner.check(task, repository, proposal))

    return await many(check, count=count, at_once=count)


def _passed(checked: CheckReport) -> str:
    """What held the code, once the check is known to have run."""
    if not checked.applied or [result.status for result in checked.results] != [CheckStatus.PASSED]:
        raise RuntimeError(f"a check of the benchmark did not pass: {checked}")
    return checked.containment


def _task() -> Task:
    command = f"python -c {shlex.quote(_QUESTION)}"
    return Task(description="Order one more.", checks=(Check(name="asks", command=command),))


def _proposal() -> Proposal:
    old = _SOURCE.splitlines()[1]
    block = f"stock.py\n<<<<<<< SEARCH\n{old}\n=======\n{old} + 1\n>>>>>>> REPLACE\n"
    return Proposal(
        proposal_id="dev-1.0", agent_id="dev-1", role="DEV", model="bench:bench", round=0, content=block
    )


async def _repository(folder: Path) -> RepoRef:
    await asyncio.to_thread(_write, folder)
    for arguments in (("init", "--quiet"), ("add", "."), ("commit", "--quiet", "--message", "Stock")):
        await _ran(("git", *_IDENTITY, *arguments), folder)
    return await resolve_repo(str(folder), relative_to=folder)


def _write(folder: Path) -> None:
    (folder / "parts").mkdir(parents=True)
    (folder / "stock.py").write_text(_SOURCE)
    for number in range(_FILES):
        (folder / "parts" / f"part_{number}.py").write_text(f"NUMBER = {number}\n" * 50)


async def _bare_s(folder: Path) -> float:
    """The seconds of the same command without anything around it."""
    began = time.perf_counter()
    await _ran(("/bin/sh", "-c", f"{shlex.quote(sys.executable)} -c {shlex.quote(_QUESTION)}"), folder)
    return time.perf_counter() - began


async def _ran(command: Sequence[str], folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    if await process.wait() != 0:
        raise OSError(f"{' '.join(command)} ended with {process.returncode}")
