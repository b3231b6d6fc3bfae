"""One place where an edit may be made, and what a family of edits says there."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from swe_ai_fleet.repair.kinds import Kinds, kinds_of, may_replace
from swe_ai_fleet.repair.scope import Ingredients, Names
from swe_ai_fleet.repair.source import FunctionNode, Source

Placed = ast.expr | ast.stmt | ast.arg | ast.keyword | ast.ExceptHandler

_LOOSE = (
    ast.BinOp, ast.BoolOp, ast.Compare, ast.UnaryOp, ast.IfExp, ast.Lambda, ast.NamedExpr, ast.Await,
    ast.Yield, ast.YieldFrom, ast.GeneratorExp, ast.Starred, ast.Tuple,
)  # fmt: skip
_TIGHT_PARENTS = (ast.BinOp, ast.UnaryOp, ast.Attribute, ast.Await, ast.Starred)


@dataclass(frozen=True, slots=True)
class Option:
    """One edit that a family offers."""

    start: int
    end: int
    text: str
    weight: float = 1.0
    """How likely it is among what the family offers at this place, relative to the others."""


@dataclass(frozen=True, slots=True)
class Site:
    """A node of a suspected statement, with what can be reached from it."""

    source: Source
    ingredients: Ingredients
    node: ast.AST
    statement: ast.stmt
    function: FunctionNode | None

    @property
    def names(self) -> Names:
        """Names that can be used here."""
        return self.ingredients.names(self.function)

    def kinds(self, node: ast.expr) -> Kinds:
        """What kind of value the expression has; empty where unknown."""
        return kinds_of(node, self.names.kinds)

    def fitting(self, kinds: Kinds, *, limit: int, but: str = "") -> list[tuple[str, float]]:
        """Variables that may stand for a value of these kinds, the best first, each with its weight."""
        known = self.names.kinds
        fits = [(n, may_replace(known.get(n, frozenset()), kinds)) for n in self.names.local if n != but]
        fits.sort(key=lambda pair: -pair[1])
        return [(name, fit / (1 + place / 6)) for place, (name, fit) in enumerate(fits[:limit])]

    def variables(self, wanted: Kinds, *, limit: int) -> list[str]:
        """Variables that are of one of these kinds as far as is known, known ones first."""
        known = self.names.kinds
        sure = [name for name in self.names.local if known.get(name, frozenset()) & wanted]
        return [*sure, *(name for name in self.names.local if not known.get(name))][:limit]

    @property
    def parent(self) -> ast.AST | None:
        """The node around this one."""
        return self.source.parents.get(self.node)

    def text(self, node: Placed) -> str:
        """The node as it is written."""
        return self.source.text_of(node)

    def put(self, node: Placed, text: str, weight: float = 1.0) -> Option:
        """The node replaced."""
        start, end = self.source.span(node)
        return Option(start, end, text, weight)

    def between(self, left: Placed, right: Placed) -> tuple[int, int]:
        """The span from the end of one node to the start of another."""
        return self.source.span(left)[1], self.source.span(right)[0]

    def atom(self, node: ast.expr) -> str:
        """The node's text, in parentheses unless it binds as tightly as a name."""
        text = self.text(node)
        return f"({text})" if isinstance(node, _LOOSE) and not text.startswith("(") else text

    def loose(self, node: ast.expr, text: str) -> str:
        """A text that binds loosely, in parentheses where the place of ``node`` demands it."""
        parent = self.source.parents.get(node)
        is_tight = isinstance(parent, _TIGHT_PARENTS)
        is_tight = is_tight or (isinstance(parent, ast.Subscript) and parent.value is node)
        is_tight = is_tight or (isinstance(parent, ast.Call) and parent.func is node)
        return f"({text})" if is_tight else text

    def condition(self, node: ast.expr, text: str) -> str:
        """A logical text, in parentheses where the place of ``node`` binds tighter than ``or``."""
        parent = self.source.parents.get(node)
        return f"({text})" if isinstance(parent, ast.BoolOp | ast.Compare) else self.loose(node, text)


@dataclass(frozen=True, slots=True)
class Family:
    """A kind of edit."""

    name: str
    prior: float
    """Share of real fixes that are of this kind, roughly; only the order matters."""
    kinds: tuple[type[ast.AST], ...]
    """Nodes at which it is asked."""
    options: Callable[[Site], Iterator[Option]]
    """What it offers at one node, likely ones first."""


def conditions_of(node: ast.AST) -> ast.expr | None:
    """The condition that a node tests, if it tests one."""
    if isinstance(node, ast.If | ast.While | ast.IfExp | ast.Assert):
        return node.test
    return None
