"""Statements that are missing, from ingredients of the file."""

import ast
from collections.abc import Iterator
from itertools import permutations

from swe_ai_fleet.repair.edits.lines import JUMPS, new_line, whole_lines
from swe_ai_fleet.repair.edits.site import Option, Site
from swe_ai_fleet.repair.kinds import NUMBERS, may_replace

_MANY = 8
_GIVEN = 0.3
"""Weight of assigning a parameter that the function never assigns."""
_OWNERS = {
    "append": frozenset({"list", "deque"}),
    "extend": frozenset({"list", "deque"}),
    "add": frozenset({"set"}),
    "update": frozenset({"set", "dict", "Counter"}),
    "appendleft": frozenset({"deque"}),
}
"""Types that have a well-known method."""


def insert_assignment(site: Site) -> Iterator[Option]:
    """A variable that is not carried on: ``x = y``, ``x += 1``, before or behind the statement."""
    node = site.node
    if not isinstance(node, ast.stmt) or site.function is None or whole_lines(site, node) is None:
        return
    names = site.names.local[:_MANY]
    stored = _stored(site)
    kinds = site.names.kinds
    fits = {
        (x, y): may_replace(kinds.get(x, frozenset()), kinds.get(y, frozenset()))
        for x in stored
        for y in names
    }
    given = _parameters(site) - _assigned(site)
    texts = [
        (f"{x} = {y}", fit * (_GIVEN if x in given else 1.0))
        for (x, y), fit in fits.items()
        if x != y and fit > 0.2
    ]
    numbers = [x for x in stored if not kinds.get(x) or kinds[x] & NUMBERS]
    texts += [(f"{x} {sign} 1", 1.0) for x in numbers for sign in ("+=", "-=")]
    texts += [(f"{x} = {value}", 0.3) for x in stored for value in ("0", "None", "[]", "True", "False")]
    yield from _around(site, node, texts)


def _stored(site: Site) -> list[str]:
    """Variables that the function assigns, most used first."""
    root = site.function
    stored = (
        {n.id for n in ast.walk(root) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        if root
        else set()
    )
    return [name for name in site.names.local if name in stored or name in _parameters(site)][:_MANY]


def _assigned(site: Site) -> set[str]:
    nodes = ast.walk(site.function) if site.function is not None else ()
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _parameters(site: Site) -> set[str]:
    return set() if site.function is None else {argument.arg for argument in site.function.args.args}


def _around(site: Site, node: ast.stmt, texts: list[tuple[str, float]]) -> Iterator[Option]:
    """Each text as a line of its own, behind the statement and before it; into the body of a compound one."""
    lines = whole_lines(site, node)
    if lines is None:
        return
    body = getattr(node, "body", None)
    is_compound = (
        isinstance(body, list) and bool(body) and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    is_elif = site.source.text.startswith("elif", lines[0] + len(site.source.indent_of(node)))
    for text, weight in texts:
        if not isinstance(node, JUMPS):
            yield Option(lines[1], lines[1], new_line(site, node, text), weight)
        if not is_elif:
            yield Option(lines[0], lines[0], new_line(site, node, text), weight * 0.8)
        if is_compound and isinstance(body, list) and whole_lines(site, body[0]) is not None:
            at = site.source.line_start(body[0].lineno)
            yield Option(at, at, new_line(site, body[0], text), weight * 0.5)


def insert_call(site: Site) -> Iterator[Option]:
    """A call that the file makes elsewhere as a statement, also with this function's variables in it."""
    node = site.node
    if not isinstance(node, ast.stmt) or site.function is None or whole_lines(site, node) is None:
        return
    found = _calls(site)
    yield from _around(site, node, list(found.items()))


def _calls(site: Site) -> dict[str, float]:
    """Calls as statements, with their weights: this function's, those on ``self``, and new ones of methods in use."""
    found: dict[str, float] = {}
    methods: list[str] = []
    for other in ast.walk(site.source.tree):
        if (
            not isinstance(other, ast.Expr)
            or not isinstance(other.value, ast.Call)
            or "\n" in site.text(other)
        ):
            continue
        if site.source.function_of(other) is site.function:
            found.setdefault(site.text(other), 1.0)
        elif site.text(other).startswith("self."):
            found.setdefault(site.text(other), 0.5)
        if isinstance(other.value.func, ast.Attribute):
            methods.append(other.value.func.attr)
    for text, weight in _new_calls(site, methods):
        found.setdefault(text, weight)
    return found


def _new_calls(site: Site, methods: list[str]) -> Iterator[tuple[str, float]]:
    """Methods in use, called on a variable that has them, with another variable."""
    for method in list(dict.fromkeys([*methods, "append", "add"]))[:5]:
        for receiver, argument in permutations(site.names.local[:6], 2):
            kinds = site.names.kinds.get(receiver)
            if not kinds or kinds & _OWNERS.get(method, kinds):
                yield f"{receiver}.{method}({argument})", 0.4 if kinds else 0.2


def copy_statement(site: Site) -> Iterator[Option]:
    """A simple statement of the same function once more, around this one."""
    node = site.node
    if not isinstance(node, ast.stmt) or site.function is None:
        return
    texts: dict[str, float] = {}
    for other in ast.walk(site.function):
        if isinstance(other, ast.Assign | ast.AugAssign | ast.Return | ast.Raise) and "\n" not in site.text(
            other
        ):
            texts.setdefault(site.text(other), 1.0 if other is not node else 0.5)
    yield from _around(site, node, list(texts.items())[:12])
