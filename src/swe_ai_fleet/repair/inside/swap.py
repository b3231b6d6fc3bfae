"""Putting an edited function into modules that are imported already.

An edit inside a function needs no new import: the outermost function around it is compiled alone, at its own
lines and inside the headers of its classes, and every living function that has the old code gets the new one.
"""

import ast
import gc
import types
from collections.abc import Iterator
from typing import Any

Key = tuple[str, str, int]
"""File, name and first line of a code object."""


class Unswappable(Exception):  # noqa: N818  # not an error: the candidate needs a fresh import
    """The edit cannot be put into a module that is imported already."""


class Functions:
    """The living functions whose code comes from under one folder, by file, name and first line."""

    def __init__(self, root: str) -> None:
        self._by_key: dict[Key, list[types.FunctionType]] = {}
        prefix = root.rstrip("/") + "/"
        for thing in gc.get_objects():
            if type(thing) is types.FunctionType and thing.__code__.co_filename.startswith(prefix):
                self._by_key.setdefault(_key(thing.__code__), []).append(thing)

    def of(self, code: types.CodeType) -> list[types.FunctionType]:
        """The functions that have this code, or code of the same place."""
        return self._by_key.get(_key(code), [])

    def files(self) -> set[str]:
        """The files that functions come from."""
        return {key[0] for key in self._by_key}


def _key(code: types.CodeType) -> Key:
    return (code.co_filename, code.co_name, code.co_firstlineno)


class Unit:
    """The outermost function around an edit, with its place in the old text."""

    def __init__(self, *, classes: list[str], node: Any, first_line: int) -> None:
        self.classes = classes
        self.node = node
        self.first_line = first_line
        """Of the code object: the first decorator's line, or that of ``def``."""


class Module:
    """One file's text, its functions and the flags its ``from __future__`` lines set."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        self.tree = ast.parse(text)
        self._code = compile(self.tree, path, "exec", dont_inherit=True)
        self._future = self._code.co_flags & _FUTURE_MASK
        self._starts = _line_starts(text)
        self._units = list(self._find(self.tree.body, []))

    def _find(self, body: list[ast.stmt], classes: list[str]) -> Iterator[tuple[int, int, Unit]]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from self._find(node.body, [*classes, node.name])
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                unit = Unit(classes=classes, node=node, first_line=first)
                yield (self._starts[node.lineno - 1], self._end(node), unit)
            elif isinstance(node, ast.If | ast.Try | ast.With):
                for inner in ("body", "orelse", "finalbody"):
                    yield from self._find(getattr(node, inner, []), classes)
                for handler in getattr(node, "handlers", []):
                    yield from self._find(handler.body, classes)

    def _end(self, node: Any) -> int:
        line = node.end_lineno
        return self._starts[line] if line < len(self._starts) else len(self.text)

    def compile_unit(self, edits: list[tuple[int, int, str]]) -> tuple[types.CodeType, types.CodeType, Unit]:
        """Old code, code of the edited headers-and-function skeleton, and the unit.

        Raises:
            SyntaxError: the edited text is not valid.
            Unswappable: the edits are not all inside one function.
        """
        first, last = min(e[0] for e in edits), max(e[1] for e in edits)
        for start, end, unit in self._units:
            if start <= first and last <= end:
                body = apply_edits(self.text[start:end], [(a - start, b - start, t) for a, b, t in edits])
                return self._old_code(unit), self._skeleton(unit, body), unit
        raise Unswappable("outside every function")

    def _old_code(self, unit: Unit) -> types.CodeType:
        code = self._code
        for name in [*unit.classes, unit.node.name]:
            inner = [c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name]
            if name == unit.node.name:
                inner = [c for c in inner if c.co_firstlineno == unit.first_line]
            if len(inner) != 1:
                raise Unswappable("its place is not unique")
            code = inner[0]
        return code

    def _skeleton(self, unit: Unit, body: str) -> types.CodeType:
        """Class headers on line 1, then blank lines, then the function at its own lines."""
        indent = unit.node.col_offset
        headers = [" " * 0 + f"class {name}:" for name in unit.classes]
        source = _nested(headers, body, indent, unit.node.lineno)
        return compile(source, self.path, "exec", flags=self._future, dont_inherit=True)


def _nested(headers: list[str], body: str, indent: int, line: int) -> str:
    """The function below its headers. Headers nest by one blank each, which the function's own indent exceeds."""
    lines = [f"{' ' * depth}{header}" for depth, header in enumerate(headers)]
    if indent > 0 and not lines:
        lines = ["if True:"]
    if len(lines) >= line or (lines and indent < len(lines)):
        raise Unswappable("no room for its headers")
    return "\n".join(lines) + "\n" * (line - len(lines) - (0 if not lines else 0)) + body if lines else "\n" * (line - 1) + body


_FUTURE_MASK = 0x1FF0000 | 0x20000 | 0x40000


def _line_starts(text: str) -> list[int]:
    starts, at = [0], 0
    while (at := text.find("\n", at)) >= 0:
        at += 1
        starts.append(at)
    return starts


def apply_edits(text: str, edits: list[tuple[int, int, str]]) -> str:
    """The text with each span replaced; spans do not overlap."""
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text
