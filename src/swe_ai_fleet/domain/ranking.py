"""The decision, as a value: what was ranked where and why, and the published result."""

from pydantic import Field

from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.domain.value import Recorded


class CheckCounts(Recorded):
    """A proposal's checks by how they ended; a timeout counts as an error."""

    passed: int = 0
    failed: int = 0
    errors: int = 0


class RankedProposal(Recorded):
    """One place of the ranking."""

    place: int
    """From 1; every place is taken once."""
    proposal_id: str
    agent_id: str
    role: str
    model: str
    round: int
    score: dict[str, float] = Field(default_factory=dict)
    """Every part of the decision by its name, in the order in which the tiers were compared."""
    support: float
    """Share of the votes (reliability-weighted, deduplicated copies counted) that agree with it, 0 to 1."""
    p_correct: float
    """Calibrated probability that it is right, 0 to 1."""
    checks: CheckCounts = CheckCounts()


class TierVerdict(Recorded):
    """What one tier of the decision did."""

    tier: str
    kept: tuple[str, ...]
    """Proposal ids that went on."""
    fell_back: bool = False
    """The tier would have emptied the set, so it was passed over."""
    note: str = ""


class Dissent(Recorded):
    """A group that the winner does not speak for."""

    proposal_ids: tuple[str, ...]
    support: float
    reason: str = ""


class Ranking(Recorded):
    """Best first. The same events give the same bytes, whatever their order or duplication."""

    ranking: tuple[RankedProposal, ...] = ()
    clusters: tuple[tuple[str, ...], ...] = ()
    """Proposal ids that behave alike (or are the same patch), the leading group first."""
    tiers: tuple[TierVerdict, ...] = ()
    margin: float = 0.0
    """Support of the leading cluster less that of the next, 0 to 1."""
    dissent: tuple[Dissent, ...] = ()
    abstained: bool = False
    """Nothing is good enough to decide; ``ranking`` still says what came first."""
    reason: str = ""
    """Why the winner won, or why nothing did, in one sentence."""


class Winner(Recorded):
    """The decision itself."""

    proposal_id: str
    agent_id: str
    role: str
    model: str
    content: str
    patch: str | None = None
    """A unified diff against the task's commit, as ``git apply`` takes it; None for a text-only task."""


class AgentReport(Recorded):
    """How one agent fared over all rounds."""

    agent_id: str
    role: str
    model: str
    outcome: str
    """answered, timed_out, crashed, refused or cancelled: the last round's ending, unless an earlier answer stands;
    not_asked where the decision needed no more answers."""
    reason: str = ""
    attempts: int = 1
    usage: Usage = Usage()


class Saved(Recorded):
    """What asking in batches saved."""

    agents: int
    """Agents that were not asked."""
    tokens: int
    """About what they would have cost: the mean of those that answered, times their number."""


class Result(Recorded):
    """What a deliberation gives its user: printed by the command line, carried by ``closed``."""

    deliberation_id: str
    task_id: str
    outcome: DeliberationOutcome
    partial: bool = False
    """Some agents are missing: ``agents`` says who and why."""
    reason: str = ""
    """Why it ended the way it did, in one sentence."""
    seed: int
    duration_s: float
    winner: Winner | None = None
    ranking: tuple[RankedProposal, ...] = ()
    tiers: tuple[TierVerdict, ...] = ()
    """What each tier of the evidence did, in the order of comparison."""
    margin: float = 0.0
    dissent: tuple[Dissent, ...] = ()
    abstained: bool = False
    agents: tuple[AgentReport, ...] = ()
    usage: Usage = Usage()
    saved: Saved | None = None
    """None where every agent was asked."""
    notes: tuple[str, ...] = ()
    """What a reader should know: shrunk council, gates passed over, weak containment allowed."""
