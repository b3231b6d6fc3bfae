"""When the phases of a deliberation end, in seconds after its start.

Agents share 85 % of the budget's seconds, divided evenly among the phases (95 % where nothing is executed); the rest is
for the last checks, the judges and the ranking.
"""

from typing import Literal

from swe_ai_fleet.domain.council import BASE_AGENT
from swe_ai_fleet.domain.deliberation import Deliberation

_SHARE_EXECUTED = 0.85
_SHARE_TEXT = 0.95
_SHARE_JUDGED = 0.95

StepKind = Literal["propose", "critique", "revise", "judge"]


def soft_s(state: Deliberation) -> float:
    """When a safe decision ends the round, in seconds after the start.

    A council of searching agents does not wait for the user's soft deadline once one of them has a verified
    answer: the others get as long again as it has searched, and two seconds.
    """
    soft = state.task.budget.soft_s
    verified = state.verified()
    if verified and all(agent.searches for agent in state.council.proposers):
        base = state.reports.get(BASE_AGENT)
        began_s = 0.0 if base is None else state.elapsed_s(base.time)
        soft = min(soft, 2 * state.elapsed_s(verified[0].time) - began_s + 2.0)
    return soft


def phase_end_s(state: Deliberation, round_: int, step: StepKind) -> float:
    """When agents must have answered in this phase, in seconds after the start.

    Judging takes half as long as another phase where it is sure to come, and else what the last checks leave.
    """
    seconds = state.task.budget.seconds
    if step == "judge":
        return seconds * _SHARE_JUDGED
    is_executed = state.needs_base or state.task.entry_point is not None
    share = _SHARE_EXECUTED if is_executed else _SHARE_TEXT
    phases = 1 + 2 * state.task.council.rounds + (0.5 if _expects_judging(state) else 0)
    index = 2 * round_ - (step == "critique")
    return seconds * share * (index + 1) / phases


def _expects_judging(state: Deliberation) -> bool:
    """Nothing will be executed, and there may be answers to compare."""
    is_text = state.requested is not None and state.requested.repo is None and state.task.entry_point is None
    compared = [agent for agent in state.council.proposers if not agent.searches]
    return is_text and state.task.council.judges > 0 and len(compared) > 1


def deadlines_s(state: Deliberation) -> list[float]:
    """Every moment at which time alone may change what comes next, ascending, in seconds after the start."""
    moments = {state.task.budget.seconds, soft_s(state)}
    moments |= {phase_end_s(state, r, "critique") for r in range(1, state.task.council.rounds + 1)}
    moments.add(phase_end_s(state, state.judging_round, "judge"))
    return sorted(moments)
