"""Who deliberates: the agents of one council, dealt out deterministically from the task and a seed."""

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from swe_ai_fleet.domain.task import Task, Token
from swe_ai_fleet.domain.value import Recorded

BASE_AGENT = "base"
"""The reserved agent id under which the unchanged commit's own check report is recorded."""

_TEMPERATURES = (0.2, 0.7, 1.0, 0.5, 0.9, 0.4)


class AgentSpec(Recorded):
    """One deliberating agent, as declared; enough to rebuild it anywhere."""

    agent_id: Token
    role: Token
    duty: Literal["answer", "test"] = "answer"
    """Whether this agent proposes answers or checks."""
    model: str
    """A model id ``provider:model``, or several joined by ``|`` as a fallback order."""
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    """This agent's own seed, derived from the deliberation's."""
    variant: Annotated[int, Field(ge=0)] = 0
    """Which wording of the prompt, or which strategy of a search, this agent uses."""
    shard: Annotated[int, Field(ge=0)] = 0
    """This agent's part, counted from 0, of a space that ``shards`` agents divide among them."""
    shards: Annotated[int, Field(ge=1)] = 1

    def __hash__(self) -> int:
        """Of what tells the agents of one council apart; steps are looked up by their agents at every event."""
        return hash((self.agent_id, self.seed))

    @property
    def searches(self) -> bool:
        """It searches for an answer instead of asking a model, so it may find none."""
        return self.model.startswith("offline:")


class Council(Recorded):
    """The agents of one deliberation."""

    agents: tuple[AgentSpec, ...]
    quorum: int

    @property
    def proposers(self) -> tuple[AgentSpec, ...]:
        """Agents that propose answers, in the order they were dealt."""
        return tuple(agent for agent in self.agents if agent.duty == "answer")

    @property
    def testers(self) -> tuple[AgentSpec, ...]:
        """Agents that propose checks."""
        return tuple(agent for agent in self.agents if agent.duty == "test")

    def agent(self, agent_id: str) -> AgentSpec:
        """The agent of that id.

        Raises:
            KeyError: nobody here has that id.
        """
        for agent in self.agents:
            if agent.agent_id == agent_id:
                return agent
        raise KeyError(agent_id)


def derive_seed(seed: int, *parts: object) -> int:
    """A seed in [0, 2**31) that depends on ``seed`` and on every part, the same on every machine."""
    text = "\x1f".join(str(part) for part in (seed, *parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


def assemble_council(task: Task, models: Sequence[str], *, seed: int) -> Council:
    """Deal roles, models, temperatures, prompt variants and shards in turn.

    The same arguments give the same council. Where the plan names no quorum, a council that is asked in batches needs
    no more answers than one batch has, and one of searching agents a single one: theirs are verified, not voted on.
    """
    plan = task.council
    roles = plan.roles or (task.role,)
    agents = []
    for index in range(plan.agents):
        role = roles[index % len(roles)]
        agents.append(_spec("answer", role, index, plan.agents, models, seed))
    agents.extend(_spec("test", "QA", index, plan.qa, models, seed) for index in range(plan.qa))
    council = Council(agents=tuple(agents), quorum=plan.needed)
    if plan.quorum is None and plan.batch is not None:
        council = council.model_copy(update={"quorum": min(plan.needed, plan.batch)})
    if plan.quorum is None and all(agent.searches for agent in council.proposers):
        return council.model_copy(update={"quorum": 1})
    return council


def _spec(
    duty: Literal["answer", "test"],
    role: str,
    index: int,
    count: int,
    models: Sequence[str],
    seed: int,
) -> AgentSpec:
    stem = "tester" if duty == "test" else role.lower()[:48]
    agent_id = f"{stem}-{index + 1}"
    return AgentSpec(
        agent_id=agent_id,
        role=role,
        duty=duty,
        model=models[index % len(models)],
        temperature=_TEMPERATURES[index % len(_TEMPERATURES)],
        seed=derive_seed(seed, agent_id),
        variant=index,
        shard=index,
        shards=count,
    )
