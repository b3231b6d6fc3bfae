"""Statements of the wrong kind."""

import ast
from collections.abc import Iterator

from swe_ai_fleet.repair.edits.site import Option, Site

_MANY = 8


def change_jump(site: Site) -> Iterator[Option]:
    """``continue`` for ``break``, another value returned, ``yield`` for ``return``."""
    node = site.node
    if isinstance(node, ast.Break | ast.Continue | ast.Pass):
        for other in ("break", "continue", "return", "pass"):
            if other != site.text(node):
                yield site.put(node, other)
        yield from (site.put(node, f"return {name}", 0.5) for name in site.names.local[:4])
    elif isinstance(node, ast.Return) and node.value is not None:
        start, end = site.source.span(node)[0], site.source.span(node.value)[0]
        for word in ("yield ", "yield from ", ""):
            yield Option(start, end, word, 0.3)
        for name in site.names.local[:_MANY]:
            yield site.put(node.value, name, 0.5)


def change_result(site: Site) -> Iterator[Option]:
    """``yield from`` for ``yield``, a result that is returned instead of lost, a missing ``await``."""
    node = site.node
    if not isinstance(node, ast.Expr):
        return
    value = node.value
    if isinstance(value, ast.Yield) and value.value is not None:
        yield site.put(value, f"yield from {site.text(value.value)}")
        yield site.put(value, f"return {site.text(value.value)}", 0.5)
    elif isinstance(value, ast.YieldFrom):
        yield site.put(value, f"yield {site.text(value.value)}")
    elif isinstance(value, ast.Call):
        start = site.source.span(node)[0]
        for word in ("return ", "yield from ", "yield "):
            yield Option(start, start, word, 0.7)
        if isinstance(site.function, ast.AsyncFunctionDef):
            yield Option(start, start, "await ", 3.0)


def change_assignment(site: Site) -> Iterator[Option]:
    """Added to for assigned, the better of old and new, a call that changes for an assignment and back."""
    node = site.node
    if isinstance(node, ast.AugAssign):
        start, end = site.source.span(node.target)[1], site.source.span(node.value)[0]
        yield Option(start, end, " = ")
    elif (
        isinstance(node, ast.Assign) and len(node.targets) == 1 and not isinstance(node.targets[0], ast.Tuple)
    ):
        target, value = site.text(node.targets[0]), site.text(node.value)
        start, end = site.between(node.targets[0], node.value)
        for sign in ("+=", "-=", "*=", "|="):
            yield Option(start, end, f" {sign} ", 1.0 if sign == "+=" else 0.4)
        for choice in ("max", "min"):
            yield site.put(node.value, f"{choice}({target}, {value})")
        yield site.put(node.value, f"{target} + {site.atom(node.value)}", 0.5)
        yield site.put(node.value, f"{site.atom(node.value)} + {target}", 0.5)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if isinstance(call.func, ast.Attribute) and len(call.args) == 1:
            receiver, argument = site.text(call.func.value), site.text(call.args[0])
            yield site.put(node, f"{receiver} = {argument}", 0.5)
            yield site.put(node, f"{receiver} += {argument}", 0.5)


def change_exception(site: Site) -> Iterator[Option]:
    """Another type caught or raised."""
    node = site.node
    if isinstance(node, ast.ExceptHandler) and node.type is not None:
        target = node.type
    elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        target = node.exc.func
    elif isinstance(node, ast.Raise) and node.exc is not None:
        target = node.exc
    else:
        return
    common = ["ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "Exception",
              "StopIteration", "OSError", "NotImplementedError", "RuntimeError", "LookupError"]  # fmt: skip
    for name in dict.fromkeys([*site.ingredients.exceptions, *common]):
        if name != site.text(target):
            yield site.put(target, name)
            if isinstance(node, ast.ExceptHandler) and not isinstance(target, ast.Tuple):
                yield site.put(target, f"({site.text(target)}, {name})", 0.5)
