"""Search with a check that is any command: plain processes, one a candidate."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from swe_ai_fleet.domain.task import Check
from swe_ai_fleet.ports.checks import ExecResult, Limits, Sandbox
from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.files import is_valid, written
from swe_ai_fleet.repair.harness import INSIDE
from swe_ai_fleet.repair.localise import CaseRun
from swe_ai_fleet.repair.said import Tried, Verdict
from swe_ai_fleet.repair.search import Plausible, Tally
from swe_ai_fleet.repair.source import Source

_TRACED = INSIDE / "traced"
_NOTES = ".fleet-traced"
_FILE_LINE = re.compile(r'(?:File "|^|\s)([\w./-]+\.py)(?:", line |:)(\d+)')
_TIMES = 4
"""A candidate may take so many times as long as the unchanged code."""
_LEAST_S = 2.0


@dataclass(slots=True, kw_only=True)
class CommandSearch:
    """One agent's search with commands; every check must pass."""

    sandbox: Sandbox
    folder: Path
    checks: Sequence[Check]
    sources: Mapping[str, Source]
    candidates: Iterator[Candidate]
    deadline: float
    """On the event loop's clock."""
    limit_s: float
    """Of one candidate, wall-clock."""
    tally: Tally = field(default_factory=Tally)

    async def run(self) -> list[Plausible]:
        """The first candidate with which every check passes; empty where the time or the space ends first."""
        began = _now()
        for candidate in self.candidates:
            if _now() >= self.deadline:
                break
            verdict = await self._try(candidate)
            self.tally.note(Tried(candidate=candidate, verdict=verdict, test=None))
            if verdict == "pass":
                self.tally.seconds = _now() - began
                return [Plausible(candidate=candidate, touching=0, found_after_s=_now() - began)]
        self.tally.seconds = _now() - began
        return []

    async def _try(self, candidate: Candidate) -> Verdict:
        if not is_valid(self.sources, candidate.edits):
            return "bad"
        with written(self.folder, self.sources, candidate.edits):
            for check in self.checks:
                done = await run_command(self.sandbox, self.folder, check, limit_s=self.limit_s)
                if done.killed_by in ("wall", "cpu"):
                    return "slow"
                if done.exit_code != 0:
                    return "fail"
        return "pass"


async def run_command(
    sandbox: Sandbox, folder: Path, check: Check, *, limit_s: float, env: Mapping[str, str] | None = None
) -> ExecResult:
    """One check as the task runs it."""
    limits = Limits(wall_s=min(limit_s, check.timeout_s))
    variables = {"PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    argv = ("/bin/sh", "-c", check.command)
    return await sandbox.run(argv, folder=folder, limits=limits, env=variables, readable=(INSIDE,))


async def observe(sandbox: Sandbox, folder: Path, check: Check, *, limit_s: float) -> tuple[CaseRun, float]:
    """The failing command as one test run, with the lines that its Python programs execute, and its plain seconds."""
    root = folder.resolve()  # noqa: ASYNC240  # one lookup
    notes = root / _NOTES
    notes.mkdir()
    try:
        plain = await run_command(sandbox, root, check, limit_s=limit_s)
        env = {"PYTHONPATH": str(_TRACED), "FLEET_TRACED_ROOT": str(root), "FLEET_TRACED_NOTES": str(notes)}
        traced = await run_command(sandbox, root, check, limit_s=limit_s, env=env)
        lines = _lines_of(notes)
    finally:
        for note in notes.iterdir():
            note.unlink()
        notes.rmdir()
    output = (traced.stdout + traced.stderr).decode(errors="replace")
    run = CaseRun(
        index=0,
        test=check.name,
        verdict="failed",
        cpu_s=plain.duration_s,
        lines=lines,
        frames=_frames_in(output, root),
        error=output.strip().rsplit("\n", 1)[-1][:300],
        slow=plain.killed_by in ("wall", "cpu"),
    )
    return run, plain.duration_s


def limit_for(plain_s: float) -> float:
    """Wall-clock seconds of one candidate."""
    return _LEAST_S + _TIMES * plain_s


def _lines_of(notes: Path) -> dict[str, frozenset[int]]:
    found: dict[str, frozenset[int]] = {}
    for note in sorted(notes.glob("*.json")):
        try:
            told = json.loads(note.read_bytes())
            new = {str(file): frozenset(map(int, lines)) for file, lines in told.items()}
        except (ValueError, TypeError, AttributeError):
            continue
        found.update({file: found.get(file, frozenset()) | lines for file, lines in new.items()})
    return found


def _frames_in(output: str, root: Path) -> tuple[tuple[str, int], ...]:
    """Places of the repository's files that the output names, in its order."""
    frames: list[tuple[str, int]] = []
    for path, line in _FILE_LINE.findall(output):
        name = path.removeprefix(f"{root}/").removeprefix("./")
        if not name.startswith("/"):
            frames.append((name, int(line)))
    return tuple(frames[-60:])


def _now() -> float:
    return asyncio.get_running_loop().time()
