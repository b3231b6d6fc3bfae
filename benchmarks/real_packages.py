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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

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
from swe_ai_fleet.repair.source import Edit, Source, apply_edits
from swe_ai_fleet.sandbox.check_runner import SandboxCheckRunner
from swe_ai_fleet.sandbox.options import SandboxOptions
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.sandbox.selection import choose_sandbox
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces

PACKAGES = ("toolz", "boltons")
PROTECTED = ("**/tests/**", "**/test_*.py", "**/conftest.py")
COMMAND = "python -m pytest -q -p no:cacheprovider -p no:asyncio"
COMPARISONS = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
OPERATORS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
}
SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
Planter = Callable[[Source, ast.AST, random.Random], Iterator[tuple[int, int, str]]]


@dataclass(frozen=True)
class Bug:
    kind: str
    edit: Edit
    line: int
    before: str
    after: str


def comparison(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SIGNS:
        start, end = source.span(node.left)[1], source.span(node.comparators[0])[0]
        sign = SIGNS[type(node.ops[0])]
        at = source.text.find(sign, start, end)
        if at >= 0:
            yield at, at + len(sign), COMPARISONS[type(node.ops[0])]


def operator(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        sign, other = OPERATORS[type(node.op)]
        at = source.text.find(sign, source.span(node.left)[1], source.span(node.right)[0])
        if at >= 0:
            yield at, at + len(sign), other


def logic(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.BoolOp):
        word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        at = source.text.find(word, source.span(node.values[0])[1], source.span(node.values[1])[0])
        if at >= 0:
            yield at, at + len(word), other


def negation(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        test = node.test
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yield (*source.span(test), source.text_of(test.operand))
        elif not isinstance(test, ast.BoolOp):
            yield (*source.span(test), f"not {source.text_of(test)}")


def number(source: Source, node: ast.AST, chance: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield (*source.span(node), str(abs(node.value + chance.choice((-1, 1)))))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield (*source.span(node), str(not node.value))


def arguments(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if (
        isinstance(node, ast.Call)
        and len(node.args) >= 2
        and not any(isinstance(a, ast.Starred) for a in node.args)
    ):
        (start, middle), (other, end) = source.span(node.args[0]), source.span(node.args[1])
        yield start, end, source.text[other:end] + source.text[middle:other] + source.text[start:middle]


def name(source: Source, node: ast.AST, chance: random.Random) -> Iterator[tuple[int, int, str]]:
    function = source.function_of(node)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and function is not None:
        stored = {
            n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        others = sorted((stored | {a.arg for a in function.args.args}) - {node.id, "self", "cls"})
        if others and node.id in stored | {a.arg for a in function.args.args}:
            yield (*source.span(node), chance.choice(others))


def method(source: Source, node: ast.AST, chance: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        others = {
            n.attr for n in ast.walk(source.tree) if isinstance(n, ast.Attribute) and n.attr != node.attr
        }
        end = source.span(node)[1]
        if others:
            yield end - len(node.attr), end, chance.choice(sorted(others))


def bounds(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Slice) and (node.lower is None) != (node.upper is None) and node.step is None:
        part = node.lower or node.upper
        assert part is not None
        text = source.text_of(part)
        yield (*source.span(node), f":{text}" if node.lower else f"{text}:")


def statement(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Assign | ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield (*source.span(node), "pass")


def result(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Call) and node.value.args:
        yield (*source.span(node.value), source.text_of(node.value.args[0]))


KINDS: dict[str, Planter] = {
    "comparison": comparison, "operator": operator, "logic": logic, "negation": negation, "number": number,
    "arguments": arguments, "name": name, "method": method, "bounds": bounds, "statement": statement, "result": result,
}  # fmt: skip


def plantable(sources: dict[str, Source], kind: str, chance: random.Random) -> list[Bug]:
    found: list[Bug] = []
    for path, source in sources.items():
        for node in ast.walk(source.tree):
            if source.function_of(node) is None or isinstance(source.statement_of(node), ast.Assert):
                continue
            for start, end, text in KINDS[kind](source, node, chance):
                line = source.line_of(start)
                if "\n" in source.text[start:end] or "\n" in text or source.text[start:end] == text:
                    continue
                edit = Edit(path, start, end, text)
                changed = apply_edits(source.text, [edit])
                before, after = source.text.splitlines()[line - 1], changed.splitlines()[line - 1]
                found.append(Bug(kind, edit, line, before.strip(), after.strip()))
    chance.shuffle(found)
    return found


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
                workspaces=self.workspaces,
                events=record.events,
                snapshots=record.snapshots,
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
    repaired, equal, times = 0, 0, []
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
        verdict = "equal" if is_equal else "repaired" if is_repaired else "not repaired"
        print(f"  {verdict:13} {ended.duration_s:6.1f} s  {kind:10} {bug.edit.file}:{bug.line}", flush=True)
        print(f"      {bug.before}  ->  {bug.after}", flush=True)
        if not is_repaired:
            print(f"      {(ended.agents[0].reason or ended.reason)[:400]}", flush=True)
        elif not is_equal and ended.winner is not None and ended.winner.patch is not None:
            print("".join(f"      {line}\n" for line in ended.winner.patch.splitlines()[2:]), flush=True)
    median = statistics.median(times) if times else 0.0
    print(f"{package}: {planted} bugs, {repaired} repaired, {equal} equal, median {median:.1f} s", flush=True)


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
