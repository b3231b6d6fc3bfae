"""A statement's lines and its surroundings."""

import ast

from swe_ai_fleet.repair.edits.site import Site

SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.Return,
    ast.Break,
    ast.Continue,
    ast.Raise,
    ast.Delete,
)
JUMPS = (ast.Return, ast.Break, ast.Continue, ast.Raise)


def whole_lines(site: Site, node: ast.stmt) -> tuple[int, int] | None:
    """The lines of a statement that shares them with no other, or None."""
    start = site.source.line_start(node.lineno)
    end = site.source.line_start((node.end_lineno or node.lineno) + 1)
    before = site.source.text[start : site.source.span(node)[0]]
    after = site.source.text[site.source.span(node)[1] : end].strip()
    if before.strip() or (after and not after.startswith("#")):
        return None
    return start, end


def block_of(site: Site, node: ast.stmt) -> list[ast.stmt]:
    """The statements among which this one stands."""
    parent = site.source.parents.get(node)
    for field in ("body", "orelse", "finalbody"):
        block = getattr(parent, field, None)
        if isinstance(block, list) and node in block:
            return block
    return [node]


def new_line(site: Site, node: ast.stmt, text: str) -> str:
    """A line of code at the statement's own indentation."""
    return f"{site.source.indent_of(node)}{text}{site.source.newline}"


def reindented(site: Site, block: list[ast.stmt], indent: str) -> str:
    """A block's lines at another indentation; lines that do not start with the old one stay as they are."""
    old = site.source.indent_of(block[0])
    start = site.source.line_start(block[0].lineno)
    end = site.source.line_start((block[-1].end_lineno or block[-1].lineno) + 1)
    lines = site.source.text[start:end].splitlines(keepends=True)
    return "".join(indent + line[len(old) :] if line.startswith(old) else line for line in lines)


def in_loop(site: Site, node: ast.AST) -> bool:
    """Whether a loop of the same function is around it."""
    at = site.source.parents.get(node)
    while at is not None and not isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        if isinstance(at, ast.For | ast.While | ast.AsyncFor):
            return True
        at = site.source.parents.get(at)
    return False
