"""What the checks report."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fleet_manifests.facts import Facts
from fleet_manifests.rendering import Rendering


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        rule: short stable name of the rule that is broken.
        where: object, and the path inside it where one can be named.
        problem: what is wrong, with the value.
    """

    rule: str
    where: str
    problem: str

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.rule}: {self.where}: {self.problem}"


Rule = Callable[[Rendering, Facts], Iterator[Finding]]
