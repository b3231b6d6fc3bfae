"""Inputs that no test has: mutated from those of the tests, inside the domain that these span."""

import copy
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Any

from .inputs import Input, parts_of

_MAX_POOL = 500
_Rule = Callable[[Any], bool]


class Domain:
    """What holds for every recorded input, argument by argument: a mutant that breaks it is outside of the domain."""

    def __init__(self, inputs: Sequence[Input]) -> None:
        self._rules: dict[int, list[_Rule]] = {}
        for place in range(min((len(one.positional) for one in inputs), default=0)):
            values = [one.positional[place] for one in inputs]
            self._rules[place] = [rule for rule in _RULES if all(_holds(rule, value) for value in values)]

    def fits(self, one: Input) -> bool:
        """Whether the input keeps all the rules; a list that was always sorted is sorted first."""
        for place, rules in self._rules.items():
            if _is_sorted in rules and isinstance(one.positional[place], list):
                with suppress(Exception):  # comparing runs code under repair
                    one.positional[place].sort()
            if not all(_holds(rule, one.positional[place]) for rule in rules):
                return False
        return True


def _holds(rule: _Rule, value: Any) -> bool:
    try:
        return rule(value)
    except Exception:  # noqa: BLE001  # comparing and hashing run code under repair
        return False


def _is_sorted(value: Any) -> bool:
    return isinstance(value, list) and all(a <= b for a, b in pairwise(value))


_RULES: tuple[_Rule, ...] = (
    _is_sorted,
    lambda value: isinstance(value, list | tuple) and len(set(value)) == len(value),
    lambda value: isinstance(value, int) and value >= 0,
    lambda value: isinstance(value, int) and value > 0,
    lambda value: hasattr(value, "__len__") and len(value) > 0,
    lambda value: isinstance(value, list) and len({type(item) for item in value}) <= 1,
)


def mutate(source: Input, pool: list[Any], chance: random.Random) -> list[Input]:
    """A copy with one to three parts changed; kinds are kept, values come from the input or the pool. May be none."""
    made = copy.deepcopy(source)
    made.from_passing = False
    holder = [made.positional, made.keywords]
    for _ in range(chance.choice((1, 1, 2, 3))):
        places = [(at, key) for at, key in parts_of(holder) if at is not holder and not isinstance(at, tuple)]
        if not places:
            return []
        references = [(at, key) for at, key in places if _is_reference(at, key)]
        at, key = chance.choice(references if references and chance.random() < 0.5 else places)
        is_argument = at is made.positional or at is made.keywords
        if isinstance(at, list) and not is_argument and chance.random() < 0.4:
            _grow_or_shrink(at, key, chance)
            continue
        same_field = [
            _get(o, k) for o, k in places if k == key and type(o) is type(at) and not isinstance(o, list)
        ]
        _set(at, key, _another(_get(at, key), same_field, pool, chance))
    return [made]


def _get(at: Any, key: Any) -> Any:
    return at[key] if isinstance(at, list | dict | tuple) else getattr(at, key, None)


def _is_reference(at: Any, key: Any) -> bool:
    """A field of an object that holds another object: what makes the shape of lists, trees and graphs."""
    return hasattr(at, "__dict__") and hasattr(_get(at, key), "__dict__")


def _set(at: Any, key: Any, value: Any) -> None:
    if isinstance(at, list | dict):
        at[key] = value
    else:
        setattr(at, key, value)


def _grow_or_shrink(items: list[Any], place: int, chance: random.Random) -> None:
    """One element less, or one of them twice."""
    if chance.random() < 0.6:
        del items[place]
    else:
        items.insert(chance.randrange(len(items) + 1), items[place])


def _another(value: Any, same_field: list[Any], pool: list[Any], chance: random.Random) -> Any:
    """A value of the same kind, or one that stands in the same field elsewhere in the input."""
    is_plain = isinstance(value, int | float | str)
    if same_field and (not is_plain or chance.random() < 0.3):
        return None if not is_plain and chance.random() < 0.3 else chance.choice(same_field)
    alike = [other for other in pool if type(other) is type(value)]
    if alike and chance.random() < 0.5:
        return copy.deepcopy(chance.choice(alike))
    return _near(value, chance) if is_plain else value


def _near(value: Any, chance: random.Random) -> Any:
    """A value that differs a little."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return (
            value + chance.choice((-3, -2, -1, 1, 2, 3))
            if chance.random() < 0.7
            else chance.choice((0, 1, -value))
        )
    if isinstance(value, float):
        return value + chance.choice((-1.0, -0.5, 0.5, 1.0))
    place = chance.randrange(len(value) or 1)
    return chance.choice(
        (value[:place] + value[place + 1 :], value[:place] + value[place : place + 1] + value[place:])
    )


def pool_of(inputs: Sequence[Input]) -> list[Any]:
    """Plain values and lists that occur in the inputs, for use elsewhere."""
    found: list[Any] = []
    for one in inputs:
        for at, key in parts_of([one.positional, one.keywords]):
            value = _get(at, key)
            if isinstance(value, int | float | str | list | type(None)) and len(found) < _MAX_POOL:
                found.append(value)
    return found
