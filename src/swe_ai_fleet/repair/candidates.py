"""Candidates in the order in which they are worth trying, and one agent's part of them."""

import ast
import heapq
import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from swe_ai_fleet.repair.edits import FAMILIES, Family
from swe_ai_fleet.repair.edits.site import Site
from swe_ai_fleet.repair.kinds import VariableKinds
from swe_ai_fleet.repair.localise import Suspect
from swe_ai_fleet.repair.scope import Ingredients, Package
from swe_ai_fleet.repair.source import Edit, FunctionNode, Source, header_nodes

SUSPICION_WEIGHT = 2.0
"""How much a statement's suspicion counts against the prior of the edit, as an exponent."""
_CROWD_WEIGHT = 0.25
"""The prior of a family is shared by what it offers at one statement; the n-th has (1 + n) ** -this of it."""
_BEST_FAMILY = -math.log(max(family.prior for family in FAMILIES) * 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Edits that are tried together."""

    edits: tuple[Edit, ...]
    families: tuple[str, ...]
    suspects: tuple[Suspect, ...]
    cost: float
    """Minus the logarithm of the prior times the suspicion, up to a constant: lower is more likely."""

    def belongs_to(self, shard: int, shards: int) -> bool:
        """Whether this agent tries it: by a digest of the edit, so that parts are disjoint and complete."""
        text = "\x1f".join(f"{e.file}:{e.start}:{e.end}:{e.text}" for e in self.edits)
        return zlib.crc32(text.encode()) % shards == shard


def single_edits(
    suspects: Sequence[Suspect], types: Mapping[str, Mapping[int, VariableKinds]]
) -> Iterator[Candidate]:
    """Every single edit at the suspected statements, cheapest first; made by statement, as late as possible.

    ``types``: what variables were seen to be, by file and by the first line of their function.
    """
    if not suspects:
        return
    best = suspects[0].score
    heap: list[tuple[float, int, Candidate]] = []
    numbers = count()
    seen: set[Edit] = set()
    package = Package(suspect.source for suspect in suspects)
    kitchen: dict[str, Ingredients] = {}
    for suspect in suspects:
        base = -SUSPICION_WEIGHT * math.log(suspect.score / best)
        yield from _popped(heap, seen, up_to=base + _BEST_FAMILY)
        source = suspect.source
        ingredients = kitchen.get(source.path)
        if ingredients is None:
            ingredients = kitchen[source.path] = Ingredients(source, types.get(source.path), package)
        for candidate in _at(suspect, ingredients, base):
            heapq.heappush(heap, (candidate.cost, next(numbers), candidate))
    yield from _popped(heap, seen, up_to=math.inf)


def _popped(
    heap: list[tuple[float, int, Candidate]], seen: set[Edit], *, up_to: float
) -> Iterator[Candidate]:
    """The cheapest ones off the heap; of equal edits that several families offer, the first alone."""
    while heap and heap[0][0] <= up_to:
        candidate = heapq.heappop(heap)[2]
        if candidate.edits[0] not in seen:
            seen.add(candidate.edits[0])
            yield candidate


def _at(suspect: Suspect, ingredients: Ingredients, base: float) -> Iterator[Candidate]:
    source = suspect.source
    offered: dict[str, int] = {}
    for node in _editable_nodes(suspect.statement):
        for family in _families_for(type(node)):
            site = Site(source, ingredients, node, suspect.statement, _function_at(source, node))
            for option in family.options(site):
                if source.text[option.start : option.end] == option.text:
                    continue
                place = offered[family.name] = offered.get(family.name, -1) + 1
                cost = base - math.log(family.prior * option.weight) + _CROWD_WEIGHT * math.log(1 + place)
                edit = Edit(source.path, option.start, option.end, option.text)
                yield Candidate(edits=(edit,), families=(family.name,), suspects=(suspect,), cost=cost)


def _function_at(source: Source, node: ast.AST) -> FunctionNode | None:
    return node if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else source.function_of(node)


def _editable_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of the statement's own text; types in annotations do nothing and are left alone."""
    skipped: set[ast.AST] = set()
    for node in header_nodes(statement):
        for name in ("annotation", "returns"):
            note = getattr(node, name, None)
            if note is not None:
                skipped.update(ast.walk(note))
        if node not in skipped:
            yield node


_BY_KIND: dict[type[ast.AST], tuple[Family, ...]] = {}


def _families_for(kind: type[ast.AST]) -> tuple[Family, ...]:
    known = _BY_KIND.get(kind)
    if known is None:
        known = _BY_KIND[kind] = tuple(family for family in FAMILIES if issubclass(kind, family.kinds))
    return known


def pairs(singles: Sequence[Candidate]) -> Iterator[Candidate]:
    """Two of the given candidates at once, cheapest pair first; those that touch the same text are left out.

    ``singles`` are sorted by cost. Only pairs within one outermost function are made.
    """
    if len(singles) < 2:
        return
    heap: list[tuple[float, int, int]] = [(singles[0].cost + singles[1].cost, 0, 1)]
    while heap:
        cost, first, second = heapq.heappop(heap)
        if second + 1 < len(singles):
            heapq.heappush(heap, (singles[first].cost + singles[second + 1].cost, first, second + 1))
        if second == first + 1 and second + 1 < len(singles):
            heapq.heappush(heap, (singles[second].cost + singles[second + 1].cost, second, second + 1))
        one, other = singles[first], singles[second]
        if _go_together(one, other):
            yield Candidate(
                edits=tuple(sorted(one.edits + other.edits)),
                families=one.families + other.families,
                suspects=one.suspects + other.suspects,
                cost=cost,
            )


def _go_together(one: Candidate, other: Candidate) -> bool:
    a, b = one.edits[0], other.edits[0]
    if a.file != b.file or not (a.end < b.start or b.end < a.start):
        return False
    source = one.suspects[0].source
    return source.outermost_function_of(one.suspects[0].statement) is source.outermost_function_of(
        other.suspects[0].statement
    )
