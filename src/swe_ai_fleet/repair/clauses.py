"""Conditions that a candidate changes, made to tell whether they still decide anything.

A clause that has the same value in every run is a clause taken out: the test is silenced, not satisfied.
"""

import ast

from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.source import Edit, Source

WATCH = "__fleet_watch__"
"""The function that the harness provides: notes the truth of its argument and returns the argument."""


def watched(candidate: Candidate, sources: dict[str, Source]) -> Candidate | None:
    """The candidate with its changed clause watched; None where it is not one edit inside of a clause."""
    if len(candidate.edits) != 1:
        return None
    edit = candidate.edits[0]
    source = sources[edit.file]
    clause = _clause_around(source, edit)
    if clause is None:
        return None
    start, end = source.span(clause)
    changed = source.text[start : edit.start] + edit.text + source.text[edit.end : end]
    if not changed.strip():
        return None
    watching = Edit(edit.file, start, end, f"{WATCH}({changed})")
    return Candidate(
        edits=(watching,), families=candidate.families, suspects=candidate.suspects, cost=candidate.cost
    )


def _clause_around(source: Source, edit: Edit) -> ast.expr | None:
    """The innermost clause that holds the whole edit."""
    found: ast.expr | None = None
    for node in ast.walk(source.tree):
        for clause in _clauses_of(node):
            start, end = source.span(clause)
            if start <= edit.start and edit.end <= end and _is_inside(source, clause, found):
                found = clause
    return found


def _is_inside(source: Source, clause: ast.expr, other: ast.expr | None) -> bool:
    if other is None:
        return True
    (start, end), (other_start, other_end) = source.span(clause), source.span(other)
    return other_start <= start and end <= other_end


def _clauses_of(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        return [*node.test.values] if isinstance(node.test, ast.BoolOp) else [node.test]
    if isinstance(node, ast.comprehension):
        return list(node.ifs)
    return list(node.values) if isinstance(node, ast.BoolOp) else []
