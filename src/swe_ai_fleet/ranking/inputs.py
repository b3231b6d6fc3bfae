"""New inputs for a function: mutated from those at hand, or made from its signature.

New inputs tell candidates apart where the proposed tests do not. They are made as fuzzers make them
(type-aware mutation with a dictionary of seen values, EvalPlus, Liu et al. 2023); no expected output comes
with them.
"""

import ast
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from swe_ai_fleet.ranking.claims import MAX_ARGUMENTS_CHARS
from swe_ai_fleet.ranking.samples import SAMPLES

_TRIES_PER_INPUT = 20
_MAX_INT = 10**9


def mutated(inputs: Iterable[str], *, count: int, seed: int) -> list[str]:
    """At most ``count`` new argument lists made from ``inputs``, which are argument lists as source.

    Types are kept; values come from the pool or lie next to one. Keyword arguments and expressions are no
    seeds.
    """
    known = set(inputs)
    pool = [values for text in sorted(known) if (values := literals(text))]
    mutation = _Mutation(rng=random.Random(seed))  # noqa: S311  # repeatable, not secret
    for values in pool:
        mutation.learn(values)
    found: list[str] = []
    for _ in range(_TRIES_PER_INPUT * count if pool else 0):
        if len(found) == count:
            break
        text = as_source(mutation.arguments(mutation.rng.choice(pool)))
        if text not in known and len(text) <= MAX_ARGUMENTS_CHARS and literals(text):
            known.add(text)
            found.append(text)
    return found


def synthesised(source: str, entry_point: str, *, count: int, seed: int) -> list[str]:
    """At most ``count`` argument lists that fit the annotations of ``entry_point`` in ``source``.

    A parameter without an annotation gets values of every kind: what most candidates can answer is in the
    domain.
    """
    rng = random.Random(seed)  # noqa: S311  # repeatable, not secret
    kinds = [_kinds(annotation) for annotation in _annotations(source, entry_point)]
    found: dict[str, None] = {}
    for _ in range(_TRIES_PER_INPUT * count if kinds else 0):
        if len(found) == count:
            break
        found[as_source(tuple(rng.choice(SAMPLES[rng.choice(kind)]) for kind in kinds))] = None
    return list(found)


def literals(arguments: str) -> tuple[object, ...]:
    """The values of an argument list of literals; empty where it has none or anything else."""
    try:
        values = ast.literal_eval(f"({arguments},)")
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return ()
    return values if isinstance(values, tuple) else ()


def as_source(values: Iterable[object]) -> str:
    """The argument list as source."""
    return ", ".join(repr(value) for value in values)


@dataclass(slots=True, kw_only=True)
class _Mutation:
    """Draws from what it has seen."""

    rng: random.Random
    numbers: list[int | float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    sequences: list[list[object] | tuple[object, ...]] = field(default_factory=list)

    def learn(self, value: object) -> None:
        """Keep every part of a value for later use."""
        match value:
            case int() | float() if not isinstance(value, bool):
                self.numbers.append(value)
            case str():
                self.texts.append(value)
            case list() | tuple() if value:
                self.sequences.append(value)
            case _:
                pass
        for part in _parts(value):
            self.learn(part)

    def arguments(self, values: Sequence[object]) -> tuple[object, ...]:
        """The same with one or two arguments changed."""
        changed = list(values)
        for _ in range(self.rng.choice((1, 1, 1, 2))):
            place = self.rng.randrange(len(changed))
            try:
                changed[place] = self.changed(changed[place])
            except TypeError:  # a key or member that cannot be hashed
                return tuple(values)
        return tuple(changed)

    def changed(self, value: object) -> object:
        """Another value of the same type."""
        match value:
            case bool():
                return not value
            case int() | float():
                return self._number(value)
            case str():
                return self._text(value)
            case list():
                return self._items(value)
            case tuple():
                return tuple(self._items(list(value)))
            case set():
                return set(self._items(sorted(value, key=repr)))
            case dict():
                return self._mapping(value)
            case _:
                return value

    def _number(self, value: int | float) -> int | float:
        same = [number for number in self.numbers if type(number) is type(value)]
        if same and self.rng.random() < 0.5:
            return self.rng.choice(same)
        if isinstance(value, float):
            return round(value + self.rng.choice((-1.5, -0.5, 0.5, 1.0, 2.25)), 4)
        near = (
            value - 2,
            value - 1,
            value + 1,
            value + 2,
            value + 3,
            2 * abs(value) + 1,
            self.rng.randint(0, 20),
        )
        return max(-_MAX_INT, min(_MAX_INT, self.rng.choice(near)))

    def _text(self, value: str) -> str:
        other = self.rng.choice(self.texts) if self.texts else "a"
        if not value:
            return other
        left, right = self.rng.randrange(len(value)), self.rng.randrange(len(value))
        return self.rng.choice(
            (
                other,
                value + other,
                value[:left] + value[left + 1 :],
                value[:left] + value[right] + value[left:],
                value[:left] + value[left].swapcase() + value[left + 1 :],
                value[: left + 1],
                value[::-1],
            )
        )

    def _items(self, items: list[object]) -> list[object]:
        if not items:
            return list(self.rng.choice(self.sequences)) if self.sequences else []
        place = self.rng.randrange(len(items))
        before, here, after = items[:place], items[place], items[place + 1 :]
        match self.rng.randrange(7):
            case 0 | 1:
                return [*before, self.changed(here), *after]
            case 2:
                return [*before, *after]
            case 3:
                return [*before, self.changed(here), here, *after]
            case 4:
                return [*before, self.rng.choice(items), here, *after]
            case 5:
                return self.rng.sample(items, len(items))
            case _:
                return [self.changed(item) for item in items]

    def _mapping(self, value: dict[object, object]) -> dict[object, object]:
        items = list(value.items())
        if not items:
            return value
        place = self.rng.randrange(len(items))
        key, part = items.pop(place)
        match self.rng.randrange(3):
            case 0:
                items.insert(place, (key, self.changed(part)))
            case 1:
                items.insert(place, (self.changed(key), part))
            case _:
                pass
        return dict(items)


def _parts(value: object) -> list[object]:
    match value:
        case list() | tuple():
            return list(value)
        case set():
            return sorted(value, key=repr)
        case dict():
            return [*value.keys(), *value.values()]
        case _:
            return []


def _annotations(source: str, entry_point: str) -> list[str]:
    """Of the positional parameters, in order; empty text where there is none."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == entry_point]
    if not functions:
        return []
    return [ast.unparse(a.annotation) if a.annotation else "" for a in functions[-1].args.args]


def _kinds(annotation: str) -> list[str]:
    wanted = annotation.lower().replace("typing.", "").replace("sequence[", "list[")
    if wanted.startswith("list[list"):
        return ["list[list]"]
    if wanted.startswith("list"):
        return [kind for kind in SAMPLES if kind == wanted] or [k for k in SAMPLES if k.startswith("list")]
    exact = [kind for kind in SAMPLES if not kind.startswith("list") and kind in wanted]
    return exact or list(SAMPLES)
