"""All that a decision looks at, as one value; whatever is missing is empty."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.council import Council
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.review import Ballot, Critique
from swe_ai_fleet.domain.task import Task

Behaviour = Mapping[str, str]
"""Canonical output by input id. An input that is missing is an abstention: the candidate raised an exception,
took too long, gave None where the task wants a value, or did not do the same twice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A proposed test: on this input, this output is expected."""

    author: str
    """Agent id. The claim counts for everybody's answer but the author's own."""
    input_id: str
    output: str
    """Canonical, as in a behaviour."""
    credibility: float = 1.0
    """How many votes the claim is worth."""
    is_given: bool = False
    """It stands in the task's own words, as an example: a fact that gates, not a vote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """One proposed test, run on the unchanged commit and on the candidates."""

    test_id: str
    author: str
    """Agent id; its own proposals gain nothing from it."""
    fails_on_base: bool
    passed_by: frozenset[str]
    """Proposal ids."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of the proposals of one deliberation. The order of its parts never matters."""

    task: Task
    council: Council
    proposals: tuple[Proposal, ...]
    base: CheckReport | None = None
    """What the checks say of the unchanged commit."""
    reports: Mapping[str, CheckReport] = field(default_factory=dict)
    """By proposal id; ids of no proposal are ignored."""
    critiques: tuple[Critique, ...] = ()
    seed: int = 0
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    """By proposal id: what the candidate did on the pooled inputs."""
    inputs: Mapping[str, float] = field(default_factory=dict)
    """Weight by input id; 1 where it is missing. See :mod:`swe_ai_fleet.ranking.pool`."""
    claims: tuple[Claim, ...] = ()
    reproductions: tuple[Reproduction, ...] = ()
    ballots: tuple[Ballot, ...] = ()
    """Of judges: on text, or on the outputs of a duel."""
    canaries: frozenset[str] = frozenset()
    """Ids of planted answers among the showings."""
    reliability: Mapping[str, float] = field(default_factory=dict)
    """Vote weight by agent id; 1 where it is missing or no finite positive number."""
    judges: Mapping[str, float] = field(default_factory=dict)
    """The same for what agents say of the answers of others."""

    @property
    def judged_by(self) -> frozenset[str]:
        """Judges that have spoken, by agent id."""
        return frozenset(ballot.showing.judge for ballot in self.ballots)
