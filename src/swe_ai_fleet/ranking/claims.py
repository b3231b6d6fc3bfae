"""What proposed tests say of a function: inputs worth running, and outputs that their authors expect."""

import ast
import itertools
import re
import warnings
from dataclasses import dataclass

MAX_ARGUMENTS_CHARS = 2000
_MAX_SAMPLE_CHARS = 65536
_HARMLESS = frozenset(
    {"range", "list", "set", "tuple", "dict", "str", "int", "float", "bool", "len", "sum"}
) | {*("min", "max", "sorted", "abs", "round", "chr", "ord")}
_END = re.compile(r"\nclass|\ndef|\n#|\nif|\nprint")


@dataclass(frozen=True, slots=True, kw_only=True)
class Assertion:
    """One ``assert`` about one call of the function."""

    source: str
    """The statement as written."""
    arguments: str | None = None
    """The call's arguments as source, without names but built-in ones; None where there is no such call."""
    expected: str | None = None
    """The expected output as source; None where the statement compares otherwise."""


def assertions_in(sample: str, entry_point: str) -> list[Assertion]:
    """The asserts about ``entry_point`` in a text that continues after the word ``assert``, in order.

    Text is cut and kept as CodeT does it (Chen et al. 2022): each part up to the next ``assert`` that names
    the function and compiles.
    """
    found = []
    for part in f"assert {sample[:_MAX_SAMPLE_CHARS]}".split("assert ")[1:]:
        source = f"assert {_END.split(part, maxsplit=1)[0].strip()}"
        statement = _first_assert(source) if entry_point in part else None
        if statement is not None:
            arguments, expected = _reading(statement.test, entry_point)
            found.append(Assertion(source=source, arguments=arguments, expected=expected))
    return found


def assertions_of(content: str, entry_point: str) -> list[Assertion]:
    """The same for a text that brings its own ``assert`` words, such as a test module."""
    return [found for part in content.split("assert ")[1:] for found in assertions_in(part, entry_point)]


def examples_in(prompt: str, entry_point: str) -> list[Assertion]:
    """Interactive examples (``>>> f(1)`` and the line after it) in a docstring or a task's text."""
    lines = prompt[:_MAX_SAMPLE_CHARS].splitlines()
    found = []
    for line, after in itertools.pairwise(lines):
        prompted = line.strip()
        if prompted.startswith(">>>") and not after.strip().startswith(">>>"):
            source = f"assert {prompted[3:].strip()} == {after.strip()}"
            statement = _first_assert(source)
            arguments, expected = (None, None) if statement is None else _reading(statement.test, entry_point)
            if arguments is not None and expected is not None:
                found.append(Assertion(source=source, arguments=arguments, expected=expected))
    return found


def _first_assert(source: str) -> ast.Assert | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return body[0] if body and isinstance(body[0], ast.Assert) else None


def _reading(test: ast.expr, entry_point: str) -> tuple[str | None, str | None]:
    """Arguments and expected output of the assertion, as far as it can be read."""
    match test:
        case ast.Call():
            return _arguments(test, entry_point), "True"
        case ast.UnaryOp(op=ast.Not(), operand=ast.Call() as call):
            return _arguments(call, entry_point), "False"
        case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
            for side, value in ((left, right), (right, left)):
                arguments = _arguments(side, entry_point)
                if arguments is not None:
                    return arguments, ast.unparse(value) if _is_closed(value) else None
        case _:
            pass
    calls = (_arguments(node, entry_point) for node in ast.walk(test))
    return next((arguments for arguments in calls if arguments is not None), None), None


def _arguments(node: ast.AST, entry_point: str) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords) if name == entry_point:
            pass
        case _:
            return None
    values = [*args, *(keyword.value for keyword in keywords)]
    if any(isinstance(arg, ast.Starred) for arg in args) or any(keyword.arg is None for keyword in keywords):
        return None
    if not all(_is_closed(value) for value in values):
        return None
    parts = [ast.unparse(arg) for arg in args] + [
        f"{word.arg}={ast.unparse(word.value)}" for word in keywords
    ]
    text = ", ".join(parts)
    return text if len(text) <= MAX_ARGUMENTS_CHARS else None


def _is_closed(node: ast.expr) -> bool:
    """It names nothing but harmless built-ins and reaches for no attribute."""
    return all(
        not isinstance(part, ast.Attribute | ast.Await | ast.Yield | ast.YieldFrom | ast.Lambda)
        and (not isinstance(part, ast.Name) or part.id in _HARMLESS)
        for part in ast.walk(node)
    )
