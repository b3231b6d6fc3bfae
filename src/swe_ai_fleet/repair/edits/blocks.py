"""Whole statements: superfluous, or in the wrong place."""

import ast
from collections.abc import Iterator

from swe_ai_fleet.repair.edits.lines import SIMPLE, block_of, reindented, whole_lines
from swe_ai_fleet.repair.edits.site import Option, Site


def delete_statement(site: Site) -> Iterator[Option]:
    """The statement left out."""
    node = site.node
    if not isinstance(node, ast.stmt) or isinstance(
        node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
    ):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    lines = whole_lines(site, node)
    if lines is not None and len(block_of(site, node)) > 1:
        yield Option(*lines, "", 1.0 if isinstance(node, SIMPLE) else 0.5)
    elif not isinstance(node, ast.Pass):
        yield site.put(node, "pass")


def unnest(site: Site) -> Iterator[Option]:
    """The body of a condition without the condition; ``else`` dropped; a loop for a condition and back."""
    node = site.node
    if not isinstance(node, ast.If | ast.While | ast.With | ast.Try | ast.For):
        return
    start = site.source.span(node)[0]
    if isinstance(node, ast.If) and site.source.text.startswith("if", start):
        yield Option(start, start + 2, "while", 0.7)
        if node.orelse:
            yield _without_else(site, node)
    elif isinstance(node, ast.If):
        yield Option(start, start + 4, "if")  # elif
    elif isinstance(node, ast.While):
        yield Option(start, start + 5, "if", 0.7)
    lines = whole_lines(site, node)
    if lines is not None and not getattr(node, "orelse", None) and not isinstance(node, ast.Try):
        yield Option(*lines, reindented(site, node.body, site.source.indent_of(node)), 0.6)


def _without_else(site: Site, node: ast.If) -> Option:
    """The branch of a condition's ``else`` deleted with its header."""
    end = site.source.line_start((node.body[-1].end_lineno or node.lineno) + 1)
    last = site.source.line_start((node.end_lineno or node.lineno) + 1)
    return Option(end, last, "", 0.4)


def move_statement(site: Site) -> Iterator[Option]:
    """Exchanged with the next one, into the block before it, or out of the block that it ends."""
    node = site.node
    if not isinstance(node, ast.stmt) or whole_lines(site, node) is None:
        return
    block = block_of(site, node)
    place = block.index(node)
    if place + 1 < len(block) and whole_lines(site, block[place + 1]) is not None:
        yield _exchanged(site, node, block[place + 1])
    if place > 0:
        yield from _into_block(site, node, block[place - 1])
    if node is block[-1] and len(block) > 1:
        yield from _out_of_block(site, node)


def _exchanged(site: Site, first: ast.stmt, second: ast.stmt) -> Option:
    start, middle = site.source.line_start(first.lineno), site.source.line_start(second.lineno)
    end = site.source.line_start((second.end_lineno or second.lineno) + 1)
    return Option(start, end, site.source.text[middle:end] + site.source.text[start:middle])


def _into_block(site: Site, node: ast.stmt, before: ast.stmt) -> Iterator[Option]:
    """One level deeper, as the last statement of the compound statement before it."""
    lines = whole_lines(site, node)
    for field in ("body", "orelse"):
        inner = getattr(before, field, None)
        if not lines or not isinstance(inner, list) or not inner:
            continue
        if inner[-1].end_lineno == before.end_lineno and inner[0].lineno > before.lineno:
            yield Option(*lines, reindented(site, [node], site.source.indent_of(inner[0])))


def _out_of_block(site: Site, node: ast.stmt) -> Iterator[Option]:
    """One level up, behind the compound statement that it ends."""
    lines, outer = whole_lines(site, node), site.source.parents.get(node)
    if not isinstance(outer, ast.stmt) or isinstance(
        outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ):
        return
    if lines and outer.end_lineno == node.end_lineno:
        yield Option(*lines, reindented(site, [node], site.source.indent_of(outer)))
