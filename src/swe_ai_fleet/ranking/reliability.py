"""What track records are worth: vote weights of a council, and what a user's report says of everybody in it."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from swe_ai_fleet.domain.council import AgentSpec, Council
from swe_ai_fleet.domain.ranking import Ranking
from swe_ai_fleet.domain.reliability import Mark, ReliabilityBook, TrackRecord
from swe_ai_fleet.domain.review import Ballot, Critique
from swe_ai_fleet.ranking.judging import judge_all

_PRIOR_VOTES = 4.0
_EVEN = 0.5
_LIGHTEST, _HEAVIEST = 0.2, 2.0
_AGENT, _JUDGE = "agent", "judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """By agent id; who is not named has one vote."""

    agents: Mapping[str, float] = field(default_factory=dict)
    """Of its answers."""
    judges: Mapping[str, float] = field(default_factory=dict)
    """Of what it says about the answers of others."""


def agent_key(agent: AgentSpec) -> str:
    """The key of what is known of an agent's answers."""
    return _key(_AGENT, agent.model, agent.role, agent.agent_id)


def judge_key(agent: AgentSpec) -> str:
    """The key of what is known of an agent as a judge: judging is its model's skill, whatever its role."""
    return _key(_JUDGE, agent.model)


def _key(*parts: str) -> str:
    return "/".join(part.replace("/", "_") for part in parts)


def weights_of(council: Council, book: ReliabilityBook, *, at: datetime) -> Weights:
    """The vote weights of a council as of one moment."""
    if not book.records:
        return Weights()
    agents, judges = {}, {}
    for agent in council.agents:
        own = book.records.get(agent_key(agent), TrackRecord()).at(at)
        of_model = _key(_AGENT, agent.model) + "/"
        model = pooled((r for whose, r in book.records.items() if whose.startswith(of_model)), at=at)
        agents[agent.agent_id] = vote_weight(own, model=model)
        judges[agent.agent_id] = vote_weight(book.records.get(judge_key(agent), TrackRecord()).at(at))
    return Weights(
        agents={name: weight for name, weight in agents.items() if weight != 1.0},
        judges={name: weight for name, weight in judges.items() if weight != 1.0},
    )


def p_right(own: TrackRecord, *, model: TrackRecord | None = None) -> float:
    """Posterior mean that it is right. Where little is known of the agent, its model's record speaks for it.

    The prior of the agent is worth four outcomes at the model's mean, that of the model four at one half.
    """
    prior = _EVEN if model is None else _shrunk(model, _EVEN)
    return _shrunk(own, prior)


def vote_weight(own: TrackRecord, *, model: TrackRecord | None = None) -> float:
    """How much its vote counts: 1 where nothing is known, between 0.2 and 2, in proportion to the posterior mean."""
    return round(max(_LIGHTEST, min(_HEAVIEST, p_right(own, model=model) / _EVEN)), 6)


def pooled(standings: Iterable[TrackRecord], *, at: datetime) -> TrackRecord:
    """All together as of one moment, such as the agents of one model."""
    now = [standing.at(at) for standing in standings]
    return TrackRecord(right=sum(s.right for s in now), wrong=sum(s.wrong for s in now), as_of=at)


def _shrunk(standing: TrackRecord, prior: float) -> float:
    return (standing.right + _PRIOR_VOTES * prior) / (standing.outcomes + _PRIOR_VOTES)


def marks_of_verdict(
    council: Council, ranking: Ranking, critiques: Sequence[Critique], proposal_id: str, *, is_good: bool
) -> tuple[Mark, ...]:
    """What it says of everybody that an answer was good, or bad.

    Who gave it, or one that behaves alike, was right or wrong; who accepted or rejected it in a review, too. Of other
    answers it says nothing: there may be more than one good one.
    """
    alike = next((set(group) for group in ranking.clusters if proposal_id in group), {proposal_id})
    authors = {place.proposal_id: place.agent_id for place in ranking.ranking}
    known = {agent.agent_id: agent for agent in council.agents}
    marks = {
        Mark(whose=agent_key(known[agent_id]), was_right=is_good)
        for pid, agent_id in authors.items()
        if pid in alike and agent_id in known
    }
    said: dict[str, bool] = {}
    for critique in critiques:
        own = authors.get(critique.proposal_id)
        if critique.proposal_id in alike and critique.verdict != "revise" and critique.reviewer_id != own:
            said[critique.reviewer_id] = (critique.verdict == "accept") == is_good
    reviewers = [known[reviewer] for reviewer in sorted(said) if reviewer in known]
    return (
        *sorted(marks, key=lambda mark: mark.whose),
        *(Mark(whose=judge_key(agent), was_right=said[agent.agent_id]) for agent in reviewers),
    )


def marks_of_pair(
    council: Council, ballots: Sequence[Ballot], *, better: str, worse: str
) -> tuple[Mark, ...]:
    """What it says of the judges that one of two answers is better: a pair of the gold set.

    A judge that preferred neither in both orders was neither right nor wrong.
    """
    pair = {pid: frozenset[str]() for pid in (better, worse)}
    by_judge = itertools.groupby(
        sorted(ballots, key=lambda b: b.showing.judge), key=lambda b: b.showing.judge
    )
    known = {agent.agent_id: agent for agent in council.agents}
    marks = []
    for judge, own in by_judge:
        shares = judge_all(own, pair, reliability={}).shares
        if judge in known and shares[better] != shares[worse]:
            marks.append(Mark(whose=judge_key(known[judge]), was_right=shares[better] > shares[worse]))
    return tuple(marks)
