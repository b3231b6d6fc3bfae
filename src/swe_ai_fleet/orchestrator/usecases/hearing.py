"""Who of a council judges what, from the state of a deliberation."""

from collections.abc import Sequence

from swe_ai_fleet.domain.brief import JudgeStep
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.orchestrator.usecases.evidence import evidence_of
from swe_ai_fleet.ranking.hearings import TURNS, Hearing, hearing_of


def plan_hearing(state: Deliberation) -> Hearing | None:
    """What the judges are asked once the last round is cut; the same whoever asks, and whenever.

    Everybody judges who asks a model, unless its model failed before. The tokens are what the rounds have left.
    """
    if state.task.council.judges < 1:
        return None
    round_ = state.judging_round
    spoke = {proposal.agent_id for proposal in state.proposals.values()}
    failed = {agent for number, agent in state.failures if number < round_} - spoke
    judges = [a.agent_id for a in state.council.agents if not a.searches and a.agent_id not in failed]
    limit = state.task.budget.tokens
    left = None if limit is None else max(0, limit - state.usage(before=round_).total_tokens)
    return hearing_of(evidence_of(state), judges, per_pair=state.task.council.judges, tokens=left)


def judges_of(state: Deliberation, hearing: Hearing | None) -> Sequence[AgentSpec] | None:
    """Who is asked; empty where nobody can be paid, None where there is nothing to judge."""
    return None if hearing is None else [state.council.agent(judge) for judge in hearing.showings]


def judge_step(hearing: Hearing, judge: str) -> JudgeStep:
    """The questions to one judge."""
    return JudgeStep(
        showings=hearing.showings[judge],
        texts=dict(hearing.texts),
        question=hearing.question,
        turns=TURNS,
        tokens=hearing.tokens_each,
    )
