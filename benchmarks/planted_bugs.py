"""One-line bugs of different kinds, planted in the text of real modules."""

import ast
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from swe_ai_fleet.repair.source import Edit, Source, apply_edits

COMPARISONS = {ast.Lt: "<=", ast.LtE: "<", ast.Gt: ">=", ast.GtE: ">", ast.Eq: "!=", ast.NotEq: "=="}
OPERATORS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "//"),
}
SIGNS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
Planter = Callable[[Source, ast.AST, random.Random], Iterator[tuple[int, int, str]]]


@dataclass(frozen=True)
class Bug:
    kind: str
    edit: Edit
    line: int
    before: str
    after: str


def comparison(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SIGNS:
        start, end = source.span(node.left)[1], source.span(node.comparators[0])[0]
        sign = SIGNS[type(node.ops[0])]
        at = source.text.find(sign, start, end)
        if at >= 0:
            yield at, at + len(sign), COMPARISONS[type(node.ops[0])]


def operator(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        sign, other = OPERATORS[type(node.op)]
        at = source.text.find(sign, source.span(node.left)[1], source.span(node.right)[0])
        if at >= 0:
            yield at, at + len(sign), other


def logic(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.BoolOp):
        word, other = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
        at = source.text.find(word, source.span(node.values[0])[1], source.span(node.values[1])[0])
        if at >= 0:
            yield at, at + len(word), other


def negation(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        test = node.test
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            yield (*source.span(test), source.text_of(test.operand))
        elif not isinstance(test, ast.BoolOp):
            yield (*source.span(test), f"not {source.text_of(test)}")


def number(source: Source, node: ast.AST, chance: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield (*source.span(node), str(abs(node.value + chance.choice((-1, 1)))))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield (*source.span(node), str(not node.value))


def arguments(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if (
        isinstance(node, ast.Call)
        and len(node.args) >= 2
        and not any(isinstance(a, ast.Starred) for a in node.args)
    ):
        (start, middle), (other, end) = source.span(node.args[0]), source.span(node.args[1])
        yield start, end, source.text[other:end] + source.text[middle:other] + source.text[start:middle]


def name(source: Source, node: ast.AST, chance: random.Random) -> Iterator[tuple[int, int, str]]:
    function = source.function_of(node)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and function is not None:
        stored = {
            n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        others = sorted((stored | {a.arg for a in function.args.args}) - {node.id, "self", "cls"})
        if others and node.id in stored | {a.arg for a in function.args.args}:
            yield (*source.span(node), chance.choice(others))


def method(source: Source, node: ast.AST, chance: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self":
        others = {
            n.attr for n in ast.walk(source.tree) if isinstance(n, ast.Attribute) and n.attr != node.attr
        }
        end = source.span(node)[1]
        if others:
            yield end - len(node.attr), end, chance.choice(sorted(others))


def bounds(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Slice) and (node.lower is None) != (node.upper is None) and node.step is None:
        part = node.lower or node.upper
        assert part is not None
        text = source.text_of(part)
        yield (*source.span(node), f":{text}" if node.lower else f"{text}:")


def statement(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Assign | ast.AugAssign) or (
        isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
    ):
        yield (*source.span(node), "pass")


def result(source: Source, node: ast.AST, _: random.Random) -> Iterator[tuple[int, int, str]]:
    if isinstance(node, ast.Return) and isinstance(node.value, ast.Call) and node.value.args:
        yield (*source.span(node.value), source.text_of(node.value.args[0]))


KINDS: dict[str, Planter] = {
    "comparison": comparison, "operator": operator, "logic": logic, "negation": negation, "number": number,
    "arguments": arguments, "name": name, "method": method, "bounds": bounds, "statement": statement, "result": result,
}  # fmt: skip


def plantable(sources: dict[str, Source], kind: str, chance: random.Random) -> list[Bug]:
    found: list[Bug] = []
    for path, source in sources.items():
        for node in ast.walk(source.tree):
            if source.function_of(node) is None or isinstance(source.statement_of(node), ast.Assert):
                continue
            for start, end, text in KINDS[kind](source, node, chance):
                line = source.line_of(start)
                if "\n" in source.text[start:end] or "\n" in text or source.text[start:end] == text:
                    continue
                edit = Edit(path, start, end, text)
                changed = apply_edits(source.text, [edit])
                before, after = source.text.splitlines()[line - 1], changed.splitlines()[line - 1]
                found.append(Bug(kind, edit, line, before.strip(), after.strip()))
    chance.shuffle(found)
    return found
