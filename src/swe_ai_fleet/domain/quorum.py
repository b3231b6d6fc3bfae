"""Whether enough agents have spoken for a decision."""

from swe_ai_fleet.domain.deliberation import Deliberation


def has_quorum(state: Deliberation) -> bool:
    """Enough proposers have spoken: answered before the cut, or said with a reason that they cannot."""
    proposers = {agent.agent_id for agent in state.council.proposers}
    named = {pid for cut in state.rounds.values() for pid in cut.included}
    answers = [p for p in state.proposals.values() if p.kind == "answer"]
    counted = [p for p in answers if p.proposal_id in named or p.round not in state.rounds]
    spoken = {p.agent_id for p in counted}
    spoken |= {agent for (_, agent), event in state.failures.items() if event.failure.kind == "refused"}
    return any(p.round == 0 for p in counted) and len(spoken & proposers) >= state.council.quorum
