"""Values as text: calls into code that builds their arguments afresh, results into a canonical form."""

from __future__ import annotations

import ast
import hashlib
from types import CodeType
from typing import Any

_MAX_CHARS = 65536
_DEEPEST = 60
_PLAIN = (int, str, bytes, bool, complex, type(None), type(Ellipsis), range)
_NODES = (
    ast.Expression,
    ast.Call,
    ast.keyword,
    ast.Constant,
    ast.List,
    ast.Tuple,
    ast.Dict,
    ast.Set,
    ast.UnaryOp,
    ast.USub,
    ast.UAdd,
    ast.Load,
)


class NotCanonical(Exception):  # noqa: N818  # not an error: the value has no canonical text
    """A value whose equality is not known to us."""


def compile_arguments(text: str) -> CodeType | None:
    """Code that calls ``_call`` with these arguments; None where they are not plain literals."""
    if len(text) > _MAX_CHARS or text.count("[") + text.count("(") + text.count("{") > _MAX_CHARS // 8:
        return None
    if _depth(text) > _DEEPEST:
        return None
    try:
        tree = ast.parse(f"_call({text})", mode="eval")
        if all(_is_literal(node) for node in ast.walk(tree)):
            return compile(tree, "<call>", "eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return None


def _depth(text: str) -> int:
    depth = deepest = 0
    for character in text:
        if character in "([{-+":
            depth += 1
            deepest = max(deepest, depth if character in "([{" else 0)
        elif character in ")]}":
            depth -= 1
        if character in "-+":
            depth -= 1
    return deepest


def _is_literal(node: ast.AST) -> bool:
    """Constants and displays of them; the one name is ours, or ``set`` for the empty set."""
    if isinstance(node, ast.Name):
        return node.id in {"_call", "set"}
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and (
            node.func.id == "_call" or not (node.args or node.keywords)
        )
    return isinstance(node, _NODES)


def canonical(value: Any, *, limit: int) -> str | None:
    """A text that is equal for equal values of the same types; None for what has no such text."""
    try:
        text = _text(value, 0)
    except (NotCanonical, RecursionError):
        return None
    if len(text) <= limit:
        return text
    return f"{text[:limit]}...{hashlib.sha256(text.encode(errors='replace')).hexdigest()[:16]}"


def _text(value: Any, depth: int) -> str:
    kind = type(value)
    if kind in _PLAIN:
        return repr(value)
    if kind is float:
        return _float(value)
    if depth > _DEEPEST:
        raise NotCanonical
    if kind in (list, tuple):
        inner = ", ".join([_text(item, depth + 1) for item in value])
        return f"[{inner}]" if kind is list else f"({inner},)"
    if kind in (set, frozenset):
        return f"{kind.__name__}({', '.join(sorted([_text(item, depth + 1) for item in value]))})"
    if kind is dict or (issubclass(kind, dict) and kind.__module__ == "collections"):
        pairs = [f"{_text(key, depth + 1)}: {_text(item, depth + 1)}" for key, item in dict.items(value)]
        return f"{{{', '.join(sorted(pairs))}}}"
    if kind.__module__ in {"fractions", "decimal", "datetime", "_pydatetime"}:
        return repr(value)
    raise NotCanonical


def _float(value: float) -> str:
    """Twelve significant digits: what differs later is rounding, not meaning."""
    return repr(float(f"{value:.12g}") + 0.0)
