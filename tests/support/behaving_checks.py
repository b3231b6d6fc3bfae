"""A check runner that does what the task tells it, in whichever process it is built."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import ray

from swe_ai_fleet.domain.check import CheckReport, CheckStatus, Trial
from swe_ai_fleet.domain.council import BASE_AGENT
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.errors import SandboxUnavailableError


class BehavingCheckRunner:
    """The description of the task is a word and perhaps a folder."""

    async def check_base(self, task: Task, repo: RepoRef) -> CheckReport:
        return await self._report(task, BASE_AGENT)

    async def check(self, task: Task, repo: RepoRef, proposal: Proposal) -> CheckReport:
        return await self._report(task, proposal.proposal_id)

    async def try_checks(self, task: Task, repo: RepoRef, checks: Proposal, answer: Proposal | None) -> Trial:
        on = BASE_AGENT if answer is None else answer.proposal_id
        report = await self._report(task, on)
        return Trial(on=report.proposal_id, status=CheckStatus.PASSED, note=report.reason)

    async def _report(self, task: Task, proposal_id: str) -> CheckReport:
        word, _, argument = task.description.partition(" ")
        marks = Path(argument)
        match word:
            case "unavailable":
                raise SandboxUnavailableError("nothing strong enough")
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)
            case "die-once" if not (marks / "died").exists():
                (marks / "died").touch()
                os.kill(os.getpid(), signal.SIGKILL)
            case "sleep":
                await asyncio.sleep(float(argument))
            case "node":
                await asyncio.sleep(float(argument))
                node_id = ray.get_runtime_context().get_node_id()
                return CheckReport(proposal_id=proposal_id, applied=True, reason=node_id)
            case "hang":
                await self._hang(marks)
            case _:
                pass
        return CheckReport(proposal_id=proposal_id, applied=True, reason=f"checked by {os.getpid()}")

    async def _hang(self, marks: Path) -> None:
        """As a sandbox does: a process of its own, killed when the check is cancelled."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", "import time; time.sleep(600)", stdout=subprocess.DEVNULL
        )
        (marks / f"pid-{process.pid}").touch()
        try:
            await process.wait()
        finally:
            process.kill()
            await process.wait()
            (marks / "killed").touch()


def build_checks() -> BehavingCheckRunner:
    """Makes the runner in the worker."""
    return BehavingCheckRunner()


def build_where_interrupts_are_ignored() -> BehavingCheckRunner:
    """As in a worker of a cluster that a script has started in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return BehavingCheckRunner()
