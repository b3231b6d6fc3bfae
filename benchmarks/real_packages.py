"""How many one-line bugs, planted in real packages, a council of repair agents finds.

    python benchmarks/real_packages.py [--bugs 20] [--seconds 180] [--agents 2] [--cache DIR] [PACKAGE ...]

Source distributions are fetched by pip into the cache and never stored with the project. Each bug is planted in a copy
that passes its own suite, counts only if the suite then fails, and is given to a deliberation like any other task.
*Repaired*: the whole suite passes with the winner. *Equal*: its program is that of the original, as a syntax tree.
"""

import argparse
import ast
import asyncio
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from planted_bugs import KINDS, Bug, plantable
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.domain.task import Budget, Check, CouncilPlan, Task
from swe_ai_fleet.execution.in_process import InProcessAgentPool
from swe_ai_fleet.messaging.in_memory import open_in_memory_record
from swe_ai_fleet.orchestrator.agents.repair_agent import MODEL, RepairAgent
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.orchestrator.usecases.deliberate_async_usecase import DeliberateAsync
from swe_ai_fleet.orchestrator.usecases.requesting import new_deliberation_id, request_deliberation
from swe_ai_fleet.ports.checks import CheckRunner, Sandbox
from swe_ai_fleet.repair.files import editable_files, unified_diff
from swe_ai_fleet.repair.source import Source, apply_edits
from swe_ai_fleet.sandbox.cells import SandboxCellRunner
from swe_ai_fleet.sandbox.check_runner import SandboxCheckRunner
from swe_ai_fleet.sandbox.options import SandboxOptions
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.sandbox.selection import choose_sandbox
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces

PACKAGES = ("toolz", "boltons")
MOST_EDITS = 2
"""A repair is one edit or a pair, each on a line or two."""
PROTECTED = ("**/tests/**", "**/test_*.py", "**/conftest.py")
COMMAND = "python -m pytest -q -p no:cacheprovider -p no:asyncio"


def fetch(package: str, cache: Path) -> Path:
    """The unpacked source distribution."""
    home = cache / package
    if not home.exists():
        downloads = cache / "downloads" / package
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
        subprocess.run([*command, "--dest", str(downloads), package], check=True)
        with (
            tarfile.open(next(downloads.glob("*.tar.gz"))) as archive,
            tempfile.TemporaryDirectory(dir=cache) as raw,
        ):
            archive.extractall(raw, filter="data")
            next(Path(raw).iterdir()).rename(home)
    return home


def commit(folder: Path) -> None:
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    for arguments_ in (("init", "-q"), ("add", "-A", "-f"), (*identity, "commit", "-q", "-m", "As it is")):
        subprocess.run(["git", *arguments_], cwd=folder, check=True, capture_output=True)


def copy_with(home: Path, target: Path, path: str, text: str) -> None:
    ignored = ("--exclude=.git", "--exclude=__pycache__")
    target.mkdir(parents=True)
    packed = subprocess.run(
        ["tar", *ignored, "-cf", "-", "."], cwd=home, check=True, capture_output=True
    ).stdout
    subprocess.run(["tar", "-xf", "-"], cwd=target, input=packed, check=True)
    (target / path).write_bytes(text.encode())
    commit(target)


@dataclass
class Bench:
    sandbox: Sandbox
    workspaces: GitWorkspaces
    checks: CheckRunner
    agents: int
    seconds: float

    def task(self, folder: Path, command: str) -> Task:
        return Task(
            description="The test suite fails. Find the bug and fix it.",
            repo=str(folder),
            checks=(Check(name="tests", command=command, timeout_s=40),),
            protected_paths=PROTECTED,
            council=CouncilPlan(agents=self.agents),
            budget=Budget(seconds=self.seconds),
        )

    async def deliberate(self, task: Task) -> Result:
        clock = SystemClock()
        assert task.repo is not None
        async with (
            open_in_memory_record() as record,
            InProcessAgentPool.open(
                build_agent=lambda spec: RepairAgent(spec, sandbox=self.sandbox, workspaces=self.workspaces),
                events=record.events,
                clock=clock,
            ) as pool,
        ):
            use_case = DeliberateAsync(
                agents=pool,
                checks=self.checks,
                cells=SandboxCellRunner(self.sandbox),
                workspaces=self.workspaces,
                events=record.events,
                snapshots=record.snapshots,
                reliability=record.reliability,
                clock=clock,
            )
            repo = await resolve_repo(task.repo, relative_to=Path.cwd())
            requested, notes = request_deliberation(
                task,
                deliberation_id=new_deliberation_id(task),
                models=[MODEL],
                repo=repo,
                seed=1,
                now=clock.now(),
                max_tokens=1,
            )
            return await use_case.run(requested, notes=notes)

    async def kills(self, task: Task, source: Source, bug: Bug) -> bool:
        """Whether the suite notices the bug."""
        assert task.repo is not None
        repo = await resolve_repo(task.repo, relative_to=Path.cwd())
        diff = unified_diff({source.path: source}, [bug.edit])
        proposal = Proposal(proposal_id="bug.0", agent_id="bug", role="DEV", model="x", round=0, content=diff)
        free = task.model_copy(update={"protected_paths": ()})
        report = await self.checks.check(free, repo, proposal)
        return report.applied and report.parses and any("failed" in r.cases.values() for r in report.results)


async def measure(package: str, bench: Bench, bugs: int, cache: Path, seed: int) -> None:
    home = fetch(package, cache)
    if not (home / ".git").exists():
        commit(home)
    whole = bench.task(home, COMMAND)
    base = await bench.checks.check_base(whole, await resolve_repo(str(home), relative_to=home))
    command = COMMAND + "".join(
        f" --deselect '{f.split('::', 1)[1]}'" for f in sorted({*base.failures(), *base.flaky}) if "::" in f
    )
    files = editable_files(home, protected=PROTECTED)
    sources = {path: Source(path, (home / path).read_bytes().decode()) for path in files}
    lines = sum(source.text.count("\n") for source in sources.values())
    cases = sum(len(result_.cases) for result_ in base.results)
    print(
        f"{package}: {lines} lines, {cases} test cases, {len(base.failures())} of them fail by themselves",
        flush=True,
    )
    if not cases:
        raise SystemExit(f"{package}: its suite does not run here:\n{base.results[0].output_tail[-2000:]}")
    chance = random.Random(seed)
    waiting = {kind: plantable(sources, kind, chance) for kind in KINDS}
    repaired, equal, wide, times = 0, 0, 0, []
    planted = 0
    while planted < bugs and any(waiting.values()):
        kind = list(KINDS)[planted % len(KINDS)]
        kind = kind if waiting[kind] else max(waiting, key=lambda k: len(waiting[k]))
        bug = waiting[kind].pop()
        source = sources[bug.edit.file]
        if not await bench.kills(bench.task(home, command), source, bug):
            continue
        planted += 1
        with tempfile.TemporaryDirectory(prefix="fleet-bench-") as temporary:
            folder = Path(temporary) / package
            faulty = apply_edits(source.text, [bug.edit])
            copy_with(home, folder, bug.edit.file, faulty)
            ended = await bench.deliberate(bench.task(folder, command))
            is_repaired = ended.outcome is DeliberationOutcome.DECIDED and ended.ranking[0].checks.failed == 0
            is_equal = is_repaired and same_program(folder, ended, source)
        repaired += is_repaired
        equal += is_equal
        times += [ended.duration_s] if is_repaired else []
        wide += is_repaired and lines_changed(ended) > 2 * MOST_EDITS
        verdict = "equal" if is_equal else "repaired" if is_repaired else "not repaired"
        print(f"  {verdict:13} {ended.duration_s:6.1f} s  {kind:10} {bug.edit.file}:{bug.line}", flush=True)
        print(f"      {bug.before}  ->  {bug.after}", flush=True)
        if not is_repaired:
            print(f"      {(ended.agents[0].reason or ended.reason)[:400]}", flush=True)
        elif not is_equal and ended.winner is not None and ended.winner.patch is not None:
            print("".join(f"      {line}\n" for line in ended.winner.patch.splitlines()[2:]), flush=True)
    median = statistics.median(times) if times else 0.0
    print(
        f"{package}: {planted} bugs, {repaired} repaired, {equal} equal, median {median:.1f} s; "
        f"{wide} winners change more than {MOST_EDITS} lines",
        flush=True,
    )


def lines_changed(ended: Result) -> int:
    """Lines taken out and put in by the winner's patch."""
    patch = "" if ended.winner is None else ended.winner.patch or ""
    body = (line for line in patch.splitlines() if not line.startswith(("+++", "---")))
    return sum(line.startswith(("+", "-")) for line in body)


def same_program(folder: Path, ended: Result, source: Source) -> bool:
    """Whether the winner's program is the original one."""
    if ended.winner is None or ended.winner.patch is None:
        return False
    patch = ended.winner.patch.encode()
    done = subprocess.run(["git", "apply", "-"], cwd=folder, input=patch, capture_output=True, check=False)
    text = (folder / source.path).read_bytes().decode()
    return done.returncode == 0 and ast.dump(ast.parse(text)) == ast.dump(source.tree)


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--bugs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--agents", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "fleet-real-packages")
    args = parser.parse_args()
    args.cache.mkdir(parents=True, exist_ok=True)
    sandbox = choose_sandbox(SandboxOptions())
    workspaces = GitWorkspaces(args.cache / "repositories")
    checks = SandboxCheckRunner(sandbox=sandbox, workspaces=workspaces)
    bench = Bench(sandbox, workspaces, checks, args.agents, args.seconds)
    for package in args.packages:
        await measure(package, bench, args.bugs, args.cache, args.seed)


if __name__ == "__main__":
    asyncio.run(main())
