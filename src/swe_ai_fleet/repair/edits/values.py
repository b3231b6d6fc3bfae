"""Wrong values: constants, off by one, literals of collections, defaults."""

import ast
from collections.abc import Iterator
from itertools import pairwise

from swe_ai_fleet.repair.edits.site import Option, Site
from swe_ai_fleet.repair.kinds import NUMBERS
from swe_ai_fleet.repair.scope import in_format_string

_EMPTY = {
    "[]": ("{}", "set()", "()", "[[]]", "None", "''"),
    "{}": ("[]", "set()", "None"),
    "()": ("[]", "None"),
}
_MANY = 12


def change_constant(site: Site) -> Iterator[Option]:
    """Another number, the other truth value, None, or another string of the file."""
    node = site.node
    if not isinstance(node, ast.Constant) or in_format_string(site.source, node):
        return
    if isinstance(node.value, bool):
        yield site.put(node, str(not node.value), 2.0)
        yield site.put(node, "None", 0.3)
    elif isinstance(node.value, int | float):
        yield from _numbers(site, node)
    elif isinstance(node.value, str) and not isinstance(site.parent, ast.Expr):
        yield from _strings(site, node)
    elif node.value is None:
        for text in ("True", "False", "0", "[]", "''", "{}"):
            yield site.put(node, text)


def _strings(site: Site, node: ast.Constant) -> Iterator[Option]:
    own = site.text(node)
    for text, _ in site.ingredients.strings.most_common(_MANY):
        if text != own:
            yield site.put(node, text, 0.5)
    yield site.put(node, "''" if own.startswith("'") else '""', 0.5)


def _numbers(site: Site, node: ast.Constant) -> Iterator[Option]:
    value = node.value
    assert isinstance(value, int | float)
    others: list[int | float] = [value + 1, value - 1, 0, 1, 2, -value, -1, value * 2, value * 10]
    if isinstance(value, int):
        others += [value // 2]
    else:
        others += [value / 2, value / 10]
    seen = {value}
    for place, other in enumerate(others):
        if other not in seen:
            seen.add(other)
            text = str(other)
            yield site.put(node, site.loose(node, text) if other < 0 else text, 1 / (1 + place / 2))
    for name in site.variables(NUMBERS, limit=6):
        yield site.put(node, name, 0.3)


def off_by_one(site: Site) -> Iterator[Option]:
    """One more or one less than a whole number that is computed."""
    node = site.node
    if not isinstance(node, ast.expr) or not _is_numeric_place(site, node):
        return
    if isinstance(node, ast.BinOp) and isinstance(node.right, ast.Constant) and node.right.value == 1:
        return  # dropping or changing that constant says the same
    text = site.text(node)
    for sign in ("+", "-"):
        yield site.put(node, site.loose(node, f"{text} {sign} 1"))


def _is_numeric_place(site: Site, node: ast.expr) -> bool:
    """A place where counting happens: bounds, indices, arguments, operands and what is assigned or returned."""
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return False
    kinds = site.kinds(node)
    if kinds and not kinds & NUMBERS:
        return False
    if not isinstance(node, ast.Name | ast.Call | ast.Attribute | ast.Subscript | ast.BinOp):
        return False
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add | ast.Sub | ast.FloorDiv | ast.Mult):
        return False
    parent = site.source.parents.get(node)
    if isinstance(parent, ast.Attribute) or (isinstance(parent, ast.Call) and parent.func is node):
        return False
    if isinstance(parent, ast.Subscript) and parent.value is node:
        return False
    if isinstance(parent, ast.BinOp):
        return not isinstance(parent.op, ast.Add | ast.Sub) or parent.right is node
    return isinstance(parent, ast.expr | ast.Assign | ast.AugAssign | ast.Return | ast.keyword)


def change_collection(site: Site) -> Iterator[Option]:
    """A literal or constructor of another type, one more level, or what is inside of it."""
    node = site.node
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del) or not isinstance(node, ast.expr):
        return
    text = site.text(node)
    if text in _EMPTY:
        for other in _EMPTY[text]:
            yield site.put(node, other)
        for name in site.names.local[:6]:
            yield site.put(node, f"[{name}]")
    elif isinstance(node, ast.List) and len(node.elts) == 1:
        for other in (site.text(node.elts[0]), "[]", f"[{text}]"):
            yield site.put(node, other)
    elif isinstance(node, ast.List | ast.Tuple | ast.Set):
        yield from _elements(site, node.elts, node)


def _elements(site: Site, elements: list[ast.expr], node: ast.expr) -> Iterator[Option]:
    """Elements exchanged, or one of them left out."""
    for first, second in pairwise(elements):
        start, end = site.between(first, second)
        both = f"{site.text(second)}{site.source.text[start:end]}{site.text(first)}"
        yield Option(site.source.span(first)[0], site.source.span(second)[1], both)
    if len(elements) > 2:
        for left, right in pairwise(elements):
            yield Option(site.source.span(left)[1], site.source.span(right)[1], "", 0.5)
    if isinstance(node, ast.Tuple) and site.text(node).startswith("("):
        yield site.put(node, f"[{site.text(node)[1:-1]}]", 0.3)


def change_default(site: Site) -> Iterator[Option]:
    """A mutable default that is made anew in every call, or another default."""
    node = site.node
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    arguments = [*node.args.posonlyargs, *node.args.args]
    defaults = node.args.defaults
    for argument, default in zip(arguments[len(arguments) - len(defaults) :], defaults, strict=True):
        yield from _fresh_default(site, node, argument.arg, default)
        for text in ("None", "True", "False", "0", "1", "''", "()"):
            if text != site.text(default):
                yield site.put(default, text, 0.3)


def _fresh_default(
    site: Site, node: ast.FunctionDef | ast.AsyncFunctionDef, name: str, default: ast.expr
) -> Iterator[Option]:
    is_mutable = isinstance(default, ast.List | ast.Dict | ast.Set) or site.text(default) in (
        "set()",
        "dict()",
    )
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and len(node.body) > 1:
        first = node.body[1]
    if not is_mutable or first.lineno == node.lineno:
        return
    start, end = site.source.span(default)
    body = site.source.line_start(first.lineno)
    pad, line_end = site.source.indent_of(first), site.source.newline
    guard = (
        f"{pad}if {name} is None:{line_end}{pad}{site.source.indent}{name} = {site.text(default)}{line_end}"
    )
    yield Option(start, body, f"None{site.source.text[end:body]}{guard}", 3.0)
