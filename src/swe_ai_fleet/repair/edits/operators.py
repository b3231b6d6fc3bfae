"""Wrong operators: comparisons, arithmetic, logic, and operands in the wrong order or too many."""

import ast
import re
from collections.abc import Iterator

from swe_ai_fleet.repair.edits.site import Option, Site

_COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">", ">=", "!=", "==")),
    ast.LtE: ("<=", ("<", ">=", ">", "==", "!=")),
    ast.Gt: (">", (">=", "<", "<=", "!=", "==")),
    ast.GtE: (">=", (">", "<=", "<", "==", "!=")),
    ast.Eq: ("==", ("!=", "<=", ">=", "<", ">", "is", "in")),
    ast.NotEq: ("!=", ("==", ">", "<", ">=", "<=", "is not", "not in")),
    ast.Is: ("is", ("is not", "==")),
    ast.IsNot: (r"is\s+not", ("is", "!=")),
    ast.In: ("in", ("not in", "==")),
    ast.NotIn: (r"not\s+in", ("in", "!=")),
}
_ARITHMETIC: dict[type[ast.operator], tuple[str, tuple[str, ...]]] = {
    ast.Add: ("+", ("-", "*", "|")),
    ast.Sub: ("-", ("+", "//", "%")),
    ast.Mult: ("*", ("/", "//", "**", "+", "%")),
    ast.Div: ("/", ("//", "*", "%")),
    ast.FloorDiv: ("//", ("/", "%", "*", ">>")),
    ast.Mod: ("%", ("//", "/", "*")),
    ast.Pow: ("**", ("*",)),
    ast.BitAnd: ("&", ("|", "^", "&~")),
    ast.BitOr: ("|", ("&", "^", "+")),
    ast.BitXor: ("^", ("&", "|", "**")),
    ast.LShift: ("<<", (">>",)),
    ast.RShift: (">>", ("<<",)),
}


def change_comparison(site: Site) -> Iterator[Option]:
    """``<`` for ``<=``, ``is not`` for ``is``, ..."""
    node = site.node
    if not isinstance(node, ast.Compare):
        return
    left = node.left
    for operator, right in zip(node.ops, node.comparators, strict=True):
        pattern, others = _COMPARISONS[type(operator)]
        found = _operator(site, left, right, pattern)
        for place, other in enumerate(others if found[1] else ()):
            yield Option(*found, other, 1 / (1 + place))
        left = right


def shift_boundary(site: Site) -> Iterator[Option]:
    """A comparison with a number: operator and number together."""
    node = site.node
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return
    bound = node.comparators[0]
    pattern, _ = _COMPARISONS[type(node.ops[0])]
    if not isinstance(bound, ast.Constant) or type(bound.value) is not int or len(pattern) > 2:
        return
    start, end = site.source.span(node)
    for operator in ("<=", "<", ">=", ">", "==", "!="):
        for number in (bound.value + 1, bound.value - 1, bound.value + 2):
            if operator != pattern and number >= 0:
                yield Option(start, end, f"{site.text(node.left)} {operator} {number}")


def _operator(site: Site, left: ast.expr, right: ast.expr, pattern: str) -> tuple[int, int]:
    """The span of the operator between two operands; empty where it cannot be told."""
    start, end = site.between(left, right)
    gap = re.sub(r"#[^\n]*", lambda comment: " " * len(comment.group()), site.source.text[start:end])
    match = re.search(pattern, gap)
    return (start + match.start(), start + match.end()) if match else (0, 0)


def change_arithmetic(site: Site) -> Iterator[Option]:
    """``-`` for ``+``, ``//`` for ``/``, ``&`` for ``^``, ..."""
    node = site.node
    if isinstance(node, ast.BinOp):
        sign, others = _ARITHMETIC.get(type(node.op), ("", ()))
        span = _operator(site, node.left, node.right, re.escape(sign)) if sign else (0, 0)
    elif isinstance(node, ast.AugAssign):
        sign, others = _ARITHMETIC.get(type(node.op), ("", ()))
        span = _operator(site, node.target, node.value, re.escape(sign)) if sign else (0, 0)
    else:
        return
    for place, other in enumerate(others if span[1] else ()):
        yield Option(*span, other, 1 / (1 + place))


def change_logic(site: Site) -> Iterator[Option]:
    """``and`` for ``or`` and the other way round, in the whole or between two operands."""
    node = site.node
    if not isinstance(node, ast.BoolOp):
        return
    word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
    for left, right in zip(node.values, node.values[1:], strict=False):
        start, end = _operator(site, left, right, rf"\b{word}\b")
        if end:
            yield Option(start, end, other)


def drop_operand(site: Site) -> Iterator[Option]:
    """Only one side of an operation, one branch of a conditional, the operand of a ``not`` or a sign."""
    node = site.node
    if isinstance(node, ast.BinOp):
        yield site.put(node, site.text(node.left))
        yield site.put(node, site.text(node.right))
    elif isinstance(node, ast.BoolOp):
        for index in range(len(node.values)):
            yield _without(site, node.values, index)
    elif isinstance(node, ast.UnaryOp):
        yield site.put(node, site.text(node.operand), 2.0)
    elif isinstance(node, ast.IfExp):
        yield site.put(node, site.text(node.body))
        yield site.put(node, site.text(node.orelse))
        yield site.put(
            node, f"{site.text(node.orelse)} if {site.text(node.test)} else {site.text(node.body)}", 0.5
        )


def _without(site: Site, parts: list[ast.expr], index: int) -> Option:
    """One part of a sequence deleted together with what joins it to its neighbour."""
    if index == 0:
        return Option(site.source.span(parts[0])[0], site.source.span(parts[1])[0], "")
    return Option(site.source.span(parts[index - 1])[1], site.source.span(parts[index])[1], "")


def swap_operands(site: Site) -> Iterator[Option]:
    """The operands of an operation, or the sides of a comparison, exchanged."""
    node = site.node
    if isinstance(node, ast.BinOp):
        left, right = node.left, node.right
    elif isinstance(node, ast.Compare) and len(node.comparators) == 1:
        left, right = node.left, node.comparators[0]
    else:
        return
    start, end = site.between(left, right)
    swapped = f"{site.atom(right)}{site.source.text[start:end]}{site.atom(left)}"
    if ")" not in site.source.text[start:end] and "(" not in site.source.text[start:end]:
        yield site.put(node, swapped)


def regroup(site: Site) -> Iterator[Option]:
    """``(a + b) * c`` for ``a + b * c`` and the other way round."""
    node = site.node
    if not isinstance(node, ast.BinOp):
        return
    for side, other in ((node.right, node.left), (node.left, node.right)):
        if isinstance(side, ast.BinOp):
            yield _regrouped(site, node, side, other)


def _regrouped(site: Site, node: ast.BinOp, side: ast.BinOp, other: ast.expr) -> Option:
    outer, _ = _ARITHMETIC.get(type(node.op), ("@", ()))
    inner, _ = _ARITHMETIC.get(type(side.op), ("@", ()))
    far, near = site.text(side.left), site.text(side.right)
    if side is node.right:
        return site.put(node, f"({site.text(other)} {outer} {far}) {inner} {near}")
    return site.put(node, f"{far} {inner} ({near} {outer} {site.text(other)})")
