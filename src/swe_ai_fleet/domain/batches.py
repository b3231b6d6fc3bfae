"""A sequential council: agents are asked in batches, in the order in which they were dealt.

Which batches have begun follows from the record alone: those up to the last one of which an agent has answered or
failed. So whoever goes on with a deliberation asks nobody again, and nobody too soon.
"""

from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.deliberation import Deliberation


def asked(state: Deliberation) -> tuple[AgentSpec, ...]:
    """The proposers of the batches that have begun; all of them where the plan has no batches."""
    return state.council.proposers[: _reach(state)]


def further(state: Deliberation) -> tuple[AgentSpec, ...]:
    """The proposers of the next batch; none where all have been asked."""
    reach, size = _reach(state), state.task.council.batch or 0
    return state.council.proposers[reach : reach + size]


def left_out(state: Deliberation) -> tuple[AgentSpec, ...]:
    """The proposers that have not been asked."""
    return state.council.proposers[_reach(state) :]


def _reach(state: Deliberation) -> int:
    """How many of the proposers belong to batches that have begun."""
    proposers, size = state.council.proposers, state.task.council.batch
    if size is None:
        return len(proposers)
    spoke = {p.agent_id for p in state.proposals.values() if p.round == 0}
    spoke |= {agent_id for round_, agent_id in state.failures if round_ == 0}
    last = max((place for place, a in enumerate(proposers, start=1) if a.agent_id in spoke), default=1)
    return min(len(proposers), size * -(-last // size))
