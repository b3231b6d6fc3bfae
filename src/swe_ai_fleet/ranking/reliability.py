"""How often an agent has been right, learnt from ground truth alone: Beta counts that decay.

Ground truth is what a user reports of a decision (merged, rejected, a verdict), never what other agents
think: agreement between agents of the same model family is not evidence that they are right.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated

from pydantic import Field

from swe_ai_fleet.domain.value import Recorded

HALF_LIFE_DAYS = 90.0
_PRIOR_VOTES = 4.0
_EVEN = 0.5
_LIGHTEST, _HEAVIEST = 0.2, 2.0


class TrackRecord(Recorded):
    """What is known of one agent, model or judge on one class of tasks: a Beta(1 + right, 1 + wrong) after decay."""

    right: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    wrong: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    as_of: datetime | None = None
    """UTC; the counts are what they were then. None before the first outcome."""

    def after(self, *, was_right: bool, at: datetime, weight: float = 1.0) -> "TrackRecord":
        """With one more outcome. An outcome from before ``as_of`` decays by its own age."""
        now = self.at(at)
        behind_days = 0.0 if now.as_of is None else max(0.0, (now.as_of - at).total_seconds() / 86400)
        counted = weight * 0.5 ** (behind_days / HALF_LIFE_DAYS)
        return TrackRecord(
            right=now.right + (counted if was_right else 0.0),
            wrong=now.wrong + (0.0 if was_right else counted),
            as_of=at if now.as_of is None else max(now.as_of, at),
        )

    def at(self, moment: datetime) -> "TrackRecord":
        """What the counts are worth then: half after every 90 days. Nothing changes for the past."""
        if self.as_of is None or moment <= self.as_of:
            return self
        kept = 0.5 ** ((moment - self.as_of).total_seconds() / 86400 / HALF_LIFE_DAYS)
        return TrackRecord(right=self.right * kept, wrong=self.wrong * kept, as_of=moment)

    @property
    def outcomes(self) -> float:
        """How many outcomes it rests on, after decay."""
        return self.right + self.wrong


def reliability_key(*, agent_id: str, role: str, model: str, task_class: str) -> str:
    """The key of an agent's track record; empty ``agent_id`` and ``role`` for the model's."""
    return "/".join(part.replace("/", "_") for part in (model, role, agent_id, task_class))


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
