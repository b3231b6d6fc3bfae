"""Which statements are suspected, and why.

Spectrum-based fault localisation with the Ochiai coefficient (Abreu, Zoeteweij and van Gemund, PRDC 2006):
``ef / sqrt((ef + nf) * (ef + ep))`` for a statement that ``ef`` failing and ``ep`` passing tests execute and ``nf``
failing tests do not. Where the stack of a failure passed, and what the task names, count on top.
"""

import ast
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from swe_ai_fleet.repair.source import Source, header_lines, header_nodes

_INNERMOST_FRAME = 0.5
_OUTER_FRAME = 0.2
_NAMED = 0.2
_HEADER_SHARE = 0.4
"""Of a suspicion that a statement hands to the function header or the module constant that it depends on."""

_NEVER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assert)
"""Definitions are suspected by their bodies; an assertion says what is wanted, and is no repair when it is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseRun:
    """What was seen of one test on the unchanged code."""

    index: int
    test: str
    verdict: str
    """passed, failed or skipped."""
    cpu_s: float = 0.0
    lines: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Executed lines by file, where it was traced."""
    frames: tuple[tuple[str, int], ...] = ()
    """File and line of the failure's stack, outermost first, the repository's own files only."""
    error: str = ""
    slow: bool = False
    """It used up its CPU time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """One statement, with how much speaks against it."""

    source: Source
    statement: ast.stmt
    score: float
    """From 0 to about 2; only the order and the ratio matter."""
    why: tuple[str, ...]


def ochiai(failed_in: int, passed_in: int, failed_out: int) -> float:
    """The coefficient; 0 where no failing test executes the statement."""
    if failed_in == 0:
        return 0.0
    return failed_in / math.sqrt((failed_in + failed_out) * (failed_in + passed_in))


def localise(sources: Mapping[str, Source], runs: Sequence[CaseRun], *, text: str) -> list[Suspect]:
    """Suspected statements of the editable files, most suspicious first; equal ones in file order."""
    failing = [run for run in runs if run.verdict == "failed"]
    passing = [run for run in runs if run.verdict == "passed" and run.lines]
    words = set(re.findall(r"[A-Za-z_]\w{2,}", text))
    suspects: list[Suspect] = []
    for path in sorted({file for run in failing for file in [*run.lines, *(f for f, _ in run.frames)]}):
        source = sources.get(path)
        if source is not None:
            suspects += _in_file(source, failing, passing, words)
    return sorted(suspects, key=lambda suspect: -suspect.score)


def _in_file(
    source: Source, failing: Sequence[CaseRun], passing: Sequence[CaseRun], words: set[str]
) -> list[Suspect]:
    failed_on = [run.lines.get(source.path, frozenset()) for run in failing]
    passed_on = [run.lines.get(source.path, frozenset()) for run in passing]
    found: dict[ast.stmt, Suspect] = {}
    for statement in source.statements():
        if isinstance(statement, _NEVER) or _is_text(statement):
            continue
        lines = frozenset(header_lines(statement))
        ef = sum(not lines.isdisjoint(covered) for covered in failed_on)
        ep = sum(not lines.isdisjoint(covered) for covered in passed_on)
        score, why = ochiai(ef, ep, len(failed_on) - ef), []
        if score:
            why.append(f"executed by {ef} of {len(failing)} failing and {ep} of {len(passing)} passing tests")
        more, said = _in_stacks(source.path, lines, failing)
        score, why = score + more, why + said
        if score > 0:
            more, said = _named(source, statement, words)
            found[statement] = Suspect(
                source=source, statement=statement, score=score + more, why=tuple(why + said)
            )
    return [*found.values(), *_dependencies(source, found)]


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _in_stacks(path: str, lines: frozenset[int], failing: Iterable[CaseRun]) -> tuple[float, list[str]]:
    """The best that the stacks of the failures say of these lines."""
    best, said = 0.0, ""
    for run in failing:
        own = [line for file, line in run.frames if file == path]
        if run.frames and run.frames[-1][0] == path and run.frames[-1][1] in lines:
            best, said = _INNERMOST_FRAME, f"{run.error.split(':')[0] or 'the failure'} was raised here"
        elif best == 0.0 and not lines.isdisjoint(own):
            best, said = _OUTER_FRAME, "on the stack of a failure"
    return best, [said] if said else []


def _named(source: Source, statement: ast.stmt, words: set[str]) -> tuple[float, list[str]]:
    function = source.function_of(statement)
    if function is not None and function.name in words:
        return _NAMED, [f"the task names {function.name}"]
    return 0.0, []


def _dependencies(source: Source, found: Mapping[ast.stmt, Suspect]) -> list[Suspect]:
    """Function headers and module-level definitions that suspected statements depend on; nothing traces them."""
    best: dict[str, float] = {}
    headers: dict[ast.stmt, float] = {}
    for statement, suspect in found.items():
        function = source.function_of(statement)
        if function is not None:
            headers[function] = max(headers.get(function, 0.0), suspect.score)
        for node in header_nodes(statement):
            name = node.id if isinstance(node, ast.Name) else getattr(node, "attr", None)
            if name is not None:
                best[name] = max(best.get(name, 0.0), suspect.score)
    constants: dict[ast.stmt, float] = {
        statement: max((best[name] for name in _stored(statement) if name in best), default=0.0)
        for statement in source.statements()
        if isinstance(statement, ast.Assign | ast.AnnAssign) and source.function_of(statement) is None
    }
    told = [(s, v, "what it defines is used by suspected statements") for s, v in constants.items()]
    told += [(s, v, "the header of a suspected function") for s, v in headers.items()]
    return [
        Suspect(source=source, statement=statement, score=score * _HEADER_SHARE, why=(why,))
        for statement, score, why in told
        if score > 0 and statement not in found
    ]


def _stored(statement: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
