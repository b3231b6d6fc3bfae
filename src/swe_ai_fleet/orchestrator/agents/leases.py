"""Agents that live longer than one call, so that their connections and what they have learnt are used again."""

from collections import OrderedDict
from dataclasses import dataclass
from operator import itemgetter

from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.ports.agents import Agent, BuildAgent

_but_the_seed = itemgetter(*(name for name in AgentSpec.model_fields if name != "seed"))


@dataclass(slots=True)
class _Kept:
    agent: Agent
    callers: int = 0


class AgentLeases:
    """The agents of one process by their declaration, built when first asked for.

    Declarations that differ in their seed alone share an agent, so that the next deliberation finds it with what it
    has learnt: every assignment brings its own seed. An agent that searches is built around its seed.

    At most ``keep`` idle ones are kept, the most recently used; an agent is closed only when nobody uses it.
    """

    def __init__(self, build_agent: BuildAgent, *, keep: int = 256) -> None:
        """Nothing is built yet."""
        self._build = build_agent
        self._keep = keep
        self._agents: dict[object, _Kept] = {}
        self._idle: OrderedDict[object, None] = OrderedDict()
        """Keys of agents that nobody uses, the least recently used first."""

    def take(self, spec: AgentSpec) -> Agent:
        """The agent of that declaration, until it is given back; whatever building it raises is raised."""
        key = _key(spec)
        kept = self._agents.get(key)
        if kept is None:
            kept = self._agents[key] = _Kept(self._build(spec))
        kept.callers += 1
        self._idle.pop(key, None)
        return kept.agent

    async def give_back(self, spec: AgentSpec) -> None:
        """End one use of the agent; the least recently used of too many idle ones are closed."""
        key = _key(spec)
        kept = self._agents[key]
        kept.callers -= 1
        if kept.callers == 0:
            self._idle[key] = None
        while len(self._idle) > self._keep:
            oldest, _ = self._idle.popitem(last=False)
            await self._agents.pop(oldest).agent.close()

    async def close(self) -> None:
        """Close every agent; nobody may use one any more."""
        while self._agents:
            _, kept = self._agents.popitem()
            await kept.agent.close()


def _key(spec: AgentSpec) -> object:
    """Equal for declarations that one agent serves."""
    return (_but_the_seed(spec.__dict__), spec.seed if "offline:" in spec.model else 0)
