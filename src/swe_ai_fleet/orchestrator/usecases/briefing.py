"""What all agents of a deliberation are told; the same bytes whenever and wherever it is built."""

from datetime import datetime

from swe_ai_fleet.domain.brief import (
    Assignment,
    Brief,
    CritiqueStep,
    MissedTests,
    ProposeStep,
    ReviseStep,
    Step,
)
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.steps import Ask, peers_to_review
from swe_ai_fleet.domain.trials import missed_by
from swe_ai_fleet.orchestrator.usecases.hearing import judge_step
from swe_ai_fleet.ports.checks import Workspaces
from swe_ai_fleet.ranking.hearings import Hearing

MAX_FILE_BYTES = 48 * 1024
_MAX_PATHS = 400
_PROPOSE = ProposeStep()


async def write_brief(state: Deliberation, workspaces: Workspaces) -> Brief:
    """The task, what the checks say of the unchanged commit, and the files that these two name."""
    request = state.requested
    repo = None if request is None else request.repo
    if repo is None:
        return Brief(task=state.task)
    hints = [state.task.description]
    if state.base is not None:
        hints += [result.output_tail for result in state.base.results]
    tree, files = await workspaces.read(repo, hints=hints, max_bytes=MAX_FILE_BYTES)
    return Brief(task=state.task, repo=repo, base=state.base, tree=tree[:_MAX_PATHS], files=files)


def write_assignment(
    state: Deliberation,
    ask: Ask,
    brief: Brief,
    *,
    deadline: datetime,
    max_tokens: int,
    hearing: Hearing | None = None,
) -> Assignment:
    """What one agent is asked to do now."""
    request = state.requested
    if request is None or state.started is None:
        msg = "agents are asked only after `started`"
        raise LookupError(msg)
    return Assignment(
        deliberation_id=request.deliberation_id,
        task_id=request.task_id,
        num_agents=request.num_agents,
        round=ask.round,
        agent=ask.agent,
        brief=brief,
        step=_step(state, ask, hearing),
        deadline=deadline,
        max_tokens=max_tokens,
        traceparent=request.traceparent,
    )


def _step(state: Deliberation, ask: Ask, hearing: Hearing | None) -> Step:
    if ask.step == "judge" and hearing is not None:
        return judge_step(hearing, ask.agent.agent_id)
    if ask.step == "propose":
        return _PROPOSE
    reports = state.counted_reports()
    if ask.step == "critique":
        peers = peers_to_review(state, ask.agent)
        return CritiqueStep(
            proposals=tuple(peers),
            reports=tuple(reports[p.proposal_id] for p in peers if p.proposal_id in reports),
        )
    parent = state.latest(ask.agent)
    if parent is None:
        msg = f"{ask.agent.agent_id} has nothing to revise"
        raise LookupError(msg)
    return ReviseStep(
        parent=parent,
        report=reports.get(parent.proposal_id),
        missed=tuple(
            MissedTests(content=state.proposals[checks].content, cases=cases)
            for checks, cases in missed_by(state, parent.proposal_id).items()
        ),
        critiques=state.critiques_of(parent.proposal_id, round_=ask.round),
    )
