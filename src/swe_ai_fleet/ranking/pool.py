"""The pool of inputs that every candidate runs on, and what each is worth.

Every proposed test gives its input, and its author's inputs are mutated among themselves: so the pool grows
with the testers, and the pool of some of them is a part of the pool of all. A few inputs are made from the
signature.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from swe_ai_fleet.domain.council import derive_seed
from swe_ai_fleet.ranking.claims import Assertion
from swe_ai_fleet.ranking.inputs import literals, mutated, synthesised

CLAIMS_EACH = 5
"""How many tests of one author count as votes, as CodeT has it; the others still give inputs."""

_MUTANTS_EACH = 4
_MAX_FURTHER = 100
_MAX_MUTANTS = 120
_SYNTHESISED = 40

Kind = Literal["proposed", "further", "mutated", "synthesised"]
_WORTH: dict[Kind, float] = {"further": 0.3, "mutated": 0.2, "synthesised": 0.05}


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledInput:
    """One input and where it comes from."""

    arguments: str
    """As source, literals only; also its id."""
    sources: Mapping[Kind, tuple[str, ...]]
    """By kind: agent ids that proposed it, once for each time, or from whose inputs it was made."""

    def weight(self, testers: Collection[str] | None = None) -> float:
        """What it is worth, if only these testers had spoken; 0 where it would not be there.

        A proposed input counts with the square root of how often it was proposed.
        """
        worth = 0.0
        for kind, sources in self.sources.items():
            count = sum(testers is None or tester in testers for tester in sources)
            if kind == "proposed":
                worth = max(worth, math.sqrt(count))
            elif count or kind == "synthesised":
                worth = max(worth, _WORTH[kind])
        return worth


def pool_inputs(
    tests: Sequence[tuple[str, Sequence[Assertion]]], *, source: str, entry_point: str, seed: int
) -> list[PooledInput]:
    """The pool, the inputs that are worth most first.

    Args:
        tests: agent id and tests of every tester, in the order they were asked.
        source: text that parses as Python and holds the signature.
        entry_point: the function.
        seed: of the deliberation; the same seed and tests give the same pool.
    """
    proposed: dict[str, list[str]] = {}
    further: dict[str, list[str]] = {}
    mutants: dict[str, list[str]] = {}
    for tester, assertions in tests:
        own = [a.arguments for a in assertions if a.arguments is not None and is_literal(a.arguments)]
        counted = [a.arguments for a in assertions[:CLAIMS_EACH] if a.arguments in own]
        for arguments in counted:
            proposed.setdefault(arguments, []).append(tester)
        for arguments in dict.fromkeys(own[len(counted) :]):
            further.setdefault(arguments, []).append(tester)
        for arguments in mutated(own, count=_MUTANTS_EACH, seed=derive_seed(seed, tester)):
            mutants.setdefault(arguments, []).append(tester)
    made = synthesised(source, entry_point, count=_SYNTHESISED, seed=seed)
    pool: dict[str, dict[Kind, tuple[str, ...]]] = {}
    _add(pool, "proposed", proposed, len(proposed))
    _add(pool, "further", further, _MAX_FURTHER)
    _add(pool, "mutated", mutants, _MAX_MUTANTS)
    _add(pool, "synthesised", {arguments: [] for arguments in made}, _SYNTHESISED)
    return [PooledInput(arguments=arguments, sources=sources) for arguments, sources in pool.items()]


def is_literal(arguments: str) -> bool:
    """An argument list of literals, or an empty one."""
    return not arguments or bool(literals(arguments))


def _add(
    pool: dict[str, dict[Kind, tuple[str, ...]]], kind: Kind, found: dict[str, list[str]], limit: int
) -> None:
    """Note the kind of every input; of those that are new, at most ``limit`` get in."""
    room = limit
    for arguments, sources in found.items():
        if arguments in pool or room > 0:
            room -= arguments not in pool
            pool.setdefault(arguments, {})[kind] = tuple(sources)
