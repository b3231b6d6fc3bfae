"""Made-up deliberations of a given size, for measuring the record."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TypedDict

from swe_ai_fleet.domain.check import CheckReport, CheckResult, CheckStatus
from swe_ai_fleet.domain.council import AgentSpec, assemble_council
from swe_ai_fleet.domain.events import (
    Checked,
    Closed,
    Critiqued,
    Event,
    Proposed,
    Ranked,
    Requested,
    Revised,
    RoundClosed,
    Started,
)
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.proposal import Proposal, Usage, proposal_id
from swe_ai_fleet.domain.ranking import RankedProposal, Ranking, Result
from swe_ai_fleet.domain.review import Critique
from swe_ai_fleet.domain.task import Check, CouncilPlan, RepoRef, Task

_PEERS = 4
"""Proposals that one agent reviews, as in a real deliberation."""
_REPO = RepoRef(url="/srv/sample", commit="0" * 40)


class _Common(TypedDict):
    deliberation_id: str
    task_id: str
    num_agents: int
    time: datetime


class _Speaker(TypedDict):
    agent_id: str
    role: str
    model: str


class SampleDeliberation:
    """Every event of a deliberation in which every agent answers in every round and is checked."""

    def __init__(self, deliberation_id: str, *, agents: int, rounds: int, proposal_bytes: int) -> None:
        """``rounds`` counts the passes of critique and revision after the first proposals."""
        self._task = Task(
            description="reorder_level() orders one unit too few.",
            repo=_REPO.url,
            checks=(Check(name="tests", command="python -m pytest -q"),),
            council=CouncilPlan(agents=agents, rounds=rounds),
        )
        self._council = assemble_council(self._task, ["vllm:sample"], seed=1)
        self._rounds = rounds
        self._content = "x" * proposal_bytes
        self._common = _Common(
            deliberation_id=deliberation_id, task_id="sample", num_agents=agents, time=datetime.now(UTC)
        )

    def events(self) -> Iterator[Event]:
        """In an order in which they could have happened."""
        yield Requested(task=self._task, council=self._council, seed=1, repo=_REPO, **self._common)
        yield Started(**self._common)
        for round_ in range(self._rounds + 1):
            yield from self._round(round_)
        ranking = self._ranking()
        yield Ranked(ranking=ranking, round=self._rounds, **self._common)
        yield Closed(
            outcome=DeliberationOutcome.DECIDED,
            result=Result(
                deliberation_id=self._common["deliberation_id"],
                task_id="sample",
                outcome=DeliberationOutcome.DECIDED,
                seed=1,
                duration_s=1.0,
                ranking=ranking.ranking,
            ),
            **self._common,
        )

    def _round(self, round_: int) -> Iterator[Event]:
        agents = self._council.proposers
        for place, agent in enumerate(agents):
            speaker = _Speaker(agent_id=agent.agent_id, role=agent.role, model=agent.model)
            proposal = self._proposal(agent, round_)
            if round_ == 0:
                yield Proposed(proposal=proposal, **speaker, **self._common)
            else:
                peers = [agents[(place + step) % len(agents)] for step in range(1, _PEERS + 1)]
                critiques = tuple(_critique(agent, peer, round_) for peer in peers)
                yield Critiqued(critiques=critiques, round=round_, **speaker, **self._common)
                yield Revised(proposal=proposal, round=round_, **speaker, **self._common)
            report = _report(proposal, self._content)
            yield Checked(report=report, round=round_, **speaker, **self._common)
        included = tuple(sorted(proposal_id(agent.agent_id, round_) for agent in agents))
        yield RoundClosed(round=round_, included=included, checked=included, **self._common)

    def _proposal(self, agent: AgentSpec, round_: int) -> Proposal:
        return Proposal(
            proposal_id=proposal_id(agent.agent_id, round_),
            agent_id=agent.agent_id,
            role=agent.role,
            model=agent.model,
            round=round_,
            content=self._content,
            usage=Usage(requests=1, prompt_tokens=2000, completion_tokens=300),
        )

    def _ranking(self) -> Ranking:
        pairs = [(agent, round_) for agent in self._council.proposers for round_ in range(self._rounds + 1)]
        return Ranking(
            ranking=tuple(
                RankedProposal(
                    place=place,
                    proposal_id=proposal_id(agent.agent_id, round_),
                    agent_id=agent.agent_id,
                    role=agent.role,
                    model=agent.model,
                    round=round_,
                    score={"applies": 1.0, "new_failures": 0.0, "agreement": 0.5},
                    support=0.5,
                    p_correct=0.5,
                )
                for place, (agent, round_) in enumerate(pairs, start=1)
            )
        )


def _critique(reviewer: AgentSpec, peer: AgentSpec, round_: int) -> Critique:
    return Critique(
        proposal_id=proposal_id(peer.agent_id, round_ - 1),
        reviewer_id=reviewer.agent_id,
        verdict="revise",
        score=0.4,
        defects=("the boundary is still one off",),
    )


def _report(proposal: Proposal, patch: str) -> CheckReport:
    cases = {f"tests/test_levels.py::test_{n}": "passed" for n in range(10)}
    return CheckReport.model_validate(
        {
            "proposal_id": proposal.proposal_id,
            "applied": True,
            "patch": patch,
            "results": [
                CheckResult.model_validate({"name": "tests", "status": CheckStatus.PASSED, "cases": cases})
            ],
        }
    )
