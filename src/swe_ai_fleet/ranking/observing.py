"""What a function is run on, and what its proposed tests expect: the plan of the matrix, made from texts alone."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.ranking.claims import Assertion, assertions_of, examples_in
from swe_ai_fleet.ranking.demands import wants_none
from swe_ai_fleet.ranking.evidence import Claim
from swe_ai_fleet.ranking.pool import CLAIMS_EACH, PooledInput, is_literal, pool_inputs
from swe_ai_fleet.ranking.programs import checks_text, signature_in

_GROUPS = 4
TASK = "task"
"""Who claims what the task's own examples show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationPlan:
    """The inputs of one function task, and every expectation that came with them."""

    pool: tuple[PooledInput, ...]
    tests: tuple[tuple[str, tuple[Assertion, ...]], ...]
    """By tester, an agent id."""
    examples: tuple[Assertion, ...] = ()
    """In the task's own words."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Every input, as the source of its arguments, once."""
        own = [one.arguments for one in self.examples if one.arguments is not None]
        return tuple(dict.fromkeys([*(one.arguments for one in self.pool), *own]))

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """The inputs in a few groups to be run apart, so that inputs that exhaust every program cost no others.

        What nobody proposed, and the examples, are the first; the inputs of each tester stand in one of the others.
        """
        place = {tester: 1 + number % _GROUPS for number, (tester, _) in enumerate(self.tests)}
        group = {
            one.arguments: min(
                (place[tester] for testers in one.sources.values() for tester in testers), default=0
            )
            for one in self.pool
        }
        group |= {one.arguments: 0 for one in self.examples if one.arguments is not None}
        found = (tuple(name for name in self.inputs if group[name] == n) for n in range(_GROUPS + 1))
        return tuple(names for names in found if names)

    @property
    def expectations(self) -> tuple[str, ...]:
        """Sources of the expected outputs that count and are literals, sorted."""
        every = [*self.examples, *(one for _, assertions in self.tests for one in counted(assertions))]
        return tuple(
            sorted({one.expected for one in every if one.expected is not None and is_literal(one.expected)})
        )

    def weights(self, testers: Collection[str]) -> dict[str, float]:
        """What each input is worth if these testers had spoken; those worth nothing are left out."""
        weights = {one.arguments: one.weight(testers) for one in self.pool}
        weights |= {one.arguments: 1.0 for one in self.examples if one.arguments is not None}
        return {arguments: weight for arguments, weight in weights.items() if weight > 0}


def plan_observation(task: Task, checks: Sequence[tuple[str, str]], *, seed: int) -> ObservationPlan:
    """The plan of a task that names its ``entry_point``; the same arguments give the same plan.

    Args:
        task: its words may hold examples and the signature.
        checks: agent id and proposed checks of every tester, in the order in which they count.
        seed: of the deliberation.
    """
    name = task.entry_point or ""
    tests = [(tester, tuple(assertions_of(checks_text(text), name))) for tester, text in checks]
    pool = pool_inputs(tests, source=signature_in(task.description, name), entry_point=name, seed=seed)
    return ObservationPlan(
        pool=tuple(pool), tests=tuple(tests), examples=tuple(examples_in(task.description, name))
    )


def expected_outputs(assertions: Sequence[Assertion], canonical: Mapping[str, str]) -> dict[str, str]:
    """By input: the output that the first of the assertions about it expects, as canonical text.

    Args:
        assertions: of one tester, or the task's examples.
        canonical: canonical text by source of an expected output.
    """
    found: dict[str, str] = {}
    for one in assertions:
        expected = None if one.expected is None else canonical.get(one.expected)
        if one.arguments is not None and expected is not None:
            found.setdefault(one.arguments, expected)
    return found


def counted(assertions: Sequence[Assertion]) -> Sequence[Assertion]:
    """Those of one tester's assertions that count as votes."""
    return assertions[:CLAIMS_EACH]


def claims_of(author: str, outputs: Mapping[str, str], *, is_given: bool = False) -> list[Claim]:
    """The claims that one author's expected outputs make."""
    return [
        Claim(author=author, input_id=arguments, output=output, is_given=is_given)
        for arguments, output in outputs.items()
    ]


def behaviour_of(outputs: Mapping[str, str], live: Collection[str], *, text: str) -> dict[str, str]:
    """What counts of a function's outputs: those on live inputs; None only where the task's words allow it."""
    allows_none = wants_none(text)
    return {
        arguments: output
        for arguments, output in outputs.items()
        if arguments in live and (allows_none or output != "None")
    }
