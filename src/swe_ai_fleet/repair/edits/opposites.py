"""Words that are taken for each other because they are opposites."""

import re

_PAIRS = """
incoming outgoing, left right, first last, prev next, previous next, low high, lower upper,
parent child, start end, start stop, begin end, row col, row column, width height, x y, min max,
src dst, source target, head tail, before after, input output, in out, up down, top bottom,
open close, old new, key value, read write, add remove, add sub, push pop, enter exit,
encode decode, serialize deserialize, load dump, request response, send receive, local remote,
success failure, enable disable, true false, any all, front back, inner outer,
predecessor successor, i j, a b, query params, major minor, asc desc, horizontal vertical,
positive negative, even odd, to from
"""
_OPPOSITES: dict[str, set[str]] = {}
for _pair in _PAIRS.split(","):
    _one, _other = _pair.split()
    _OPPOSITES.setdefault(_one, set()).add(_other)
    _OPPOSITES.setdefault(_other, set()).add(_one)
_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def are_opposites(one: str, other: str) -> bool:
    """Whether two names differ in one word, and that is the opposite: ``left_edge`` and ``right_edge``."""
    first, second = _words(one), _words(other)
    if len(first) != len(second):
        return False
    differing = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
    return len(differing) == 1 and _is_pair(*differing[0])


def _words(name: str) -> list[str]:
    return [part.lower() for part in _PARTS.findall(name)]


def _is_pair(one: str, other: str) -> bool:
    singular = one.removesuffix("s"), other.removesuffix("s")
    return other in _OPPOSITES.get(one, ()) or singular[1] in _OPPOSITES.get(singular[0], ())
