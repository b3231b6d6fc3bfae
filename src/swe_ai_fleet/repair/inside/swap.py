"""Putting an edited function into modules that are imported already.

An edit inside a function needs no new import: the outermost function around it is compiled alone, at its own
lines and inside the headers of its classes, and every living function that has the old code gets the new one.
"""

import __future__

import ast
import gc
import types
from collections.abc import Iterator
from typing import Any

Edit = tuple[int, int, str]
"""Start and end of the replaced span, in characters of the file's text, and what replaces it."""
Swap = tuple[types.FunctionType, types.CodeType]
_Key = tuple[str, str, int]

_FUTURES = 0
for _name in __future__.all_feature_names:
    _FUTURES |= getattr(__future__, _name).compiler_flag


class Unswappable(Exception):  # noqa: N818  # not an error: the candidate needs a fresh import
    """The edit cannot be put into a module that is imported already."""


class Functions:
    """The living functions, by file, name and first line, and by the code that they run."""

    def __init__(self, prefix: str) -> None:
        self._by_key: dict[_Key, list[types.FunctionType]] = {}
        self._by_code: dict[int, list[types.FunctionType]] = {}
        for thing in gc.get_objects():
            if type(thing) is types.FunctionType and thing.__code__.co_filename.startswith(prefix):
                self._by_key.setdefault(_key(thing.__code__), []).append(thing)
                self._by_code.setdefault(id(thing.__code__), []).append(thing)
        self.files = {key[0] for key in self._by_key}
        """The files that functions come from."""

    def at(self, path: str, name: str, first_line: int) -> list[types.FunctionType]:
        """The functions that were made there."""
        return self._by_key.get((path, name, first_line), [])

    def running(self, code: types.CodeType) -> list[types.FunctionType]:
        """The functions that run exactly this code object: closures made from an inner function."""
        return self._by_code.get(id(code), [])


def _key(code: types.CodeType) -> _Key:
    return (code.co_filename, code.co_name, code.co_firstlineno)


class Unit:
    """An outermost function, with its place in the old text."""

    def __init__(self, *, classes: list[str], node: Any, start: int, body: int, end: int) -> None:
        self.classes = classes
        self.node = node
        self.start = start
        """Where the line of ``def`` begins."""
        self.body = body
        """Where the first statement of its body begins; an edit before it changes the header."""
        self.end = end
        self.first_line = min([node.lineno, *(d.lineno for d in node.decorator_list)])
        """Of the code object: the first decorator's line, or that of ``def``."""


class Module:
    """One file's text and its outermost functions."""

    def __init__(self, path: str, text: str) -> None:
        self.path = path
        self.text = text
        tree = ast.parse(text)
        self._flags = compile(tree, path, "exec", dont_inherit=True).co_flags & _FUTURES
        self._lines = _line_starts(text)
        self.units = list(self._find(tree.body, []))

    def _find(self, body: list[ast.stmt], classes: list[str]) -> Iterator[Unit]:
        for node in body:
            if isinstance(node, ast.ClassDef):
                yield from self._find(node.body, [*classes, node.name])
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield self._unit(node, classes)
            elif isinstance(node, ast.If | ast.Try | ast.With):
                for inner in ("body", "orelse", "finalbody"):
                    yield from self._find(getattr(node, inner, []), classes)
                for handler in getattr(node, "handlers", []):
                    yield from self._find(handler.body, classes)

    def _unit(self, node: Any, classes: list[str]) -> Unit:
        first = node.body[0]
        body = self._lines[first.lineno - 1]
        if first.lineno == node.lineno or self.text[body:].lstrip(" \t").startswith(")"):
            body += len(self.text[body:].encode()[: first.col_offset].decode())
        end = self._lines[node.end_lineno] if node.end_lineno < len(self._lines) else len(self.text)
        start = self._lines[node.lineno - 1]
        return Unit(classes=classes, node=node, start=start, body=body, end=end)

    def unit_around(self, edits: list[Edit]) -> Unit:
        """The outermost function whose body holds all the edits.

        Raises:
            Unswappable: there is none.
        """
        first, last = min(e[0] for e in edits), max(e[1] for e in edits)
        for unit in self.units:
            if unit.body <= first and last <= unit.end:
                return unit
        raise Unswappable("outside the bodies of functions")

    def compile_unit(self, unit: Unit, edits: list[Edit]) -> types.CodeType:
        """The code of the edited function.

        Raises:
            SyntaxError: the edited text is not valid; ValueError and RecursionError likewise.
            Unswappable: the function cannot be compiled alone.
        """
        shifted = [(start - unit.start, end - unit.start, text) for start, end, text in edits]
        function = apply_edits(self.text[unit.start : unit.end], shifted)
        source = _below_headers(unit, function)
        code: types.CodeType = compile(source, self.path, "exec", flags=self._flags, dont_inherit=True)
        for name in [*unit.classes, unit.node.name]:
            code = next(c for c in code.co_consts if isinstance(c, types.CodeType) and c.co_name == name)
        return code


def _below_headers(unit: Unit, function: str) -> str:
    """The function at its own lines, below headers that nest by one blank each."""
    headers = [f"{' ' * depth}class {name}:" for depth, name in enumerate(unit.classes)]
    if unit.node.col_offset > 0 and not headers:
        headers = ["if True:"]
    room = unit.node.lineno - 1 - len(headers)
    if room < 0 or (headers and unit.node.col_offset < len(headers)):
        raise Unswappable("no room for its headers")
    return "\n".join([*headers, *[""] * room, function])


def swaps_of(functions: Functions, path: str, unit: Unit, new: types.CodeType) -> list[Swap]:
    """Which living functions get which code, closures made from inner functions included.

    Raises:
        Unswappable: nothing lives there, or the new code closes over other variables.
    """
    swaps: list[Swap] = []
    living = functions.at(path, unit.node.name, unit.first_line)
    for old in {id(f.__code__): f.__code__ for f in living}.values():
        swaps += list(_pair(functions, old, new))
    if not swaps:
        raise Unswappable("no living function has this code")
    return swaps


def _pair(functions: Functions, old: types.CodeType, new: types.CodeType) -> Iterator[Swap]:
    for function in functions.running(old):
        if old.co_freevars != new.co_freevars:
            raise Unswappable("it closes over other variables")
        yield function, new
    inner_old, inner_new = _inner(old), _inner(new)
    if [c.co_name for c in inner_old] == [c.co_name for c in inner_new]:
        for one, other in zip(inner_old, inner_new, strict=True):
            yield from _pair(functions, one, other)
    elif any(functions.running(code) for code in inner_old):
        raise Unswappable("functions made from it live on")


def _inner(code: types.CodeType) -> list[types.CodeType]:
    return [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]


def shape(code: types.CodeType) -> tuple[Any, ...]:
    """What the code does, without where it stands: equal shapes behave alike."""
    constants = tuple(shape(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts)
    table = getattr(code, "co_exceptiontable", b"")
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return (code.co_code, constants, names, code.co_flags, code.co_argcount, table)


def _line_starts(text: str) -> list[int]:
    starts, at = [0], 0
    while (at := text.find("\n", at)) >= 0:
        at += 1
        starts.append(at)
    return starts


def apply_edits(text: str, edits: list[Edit]) -> str:
    """The text with each span replaced; spans do not overlap."""
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text
