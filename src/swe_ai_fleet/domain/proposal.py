"""What an agent answers, and what it cost."""

from collections.abc import Iterable
from typing import Literal

from pydantic import Field, JsonValue

from swe_ai_fleet.domain.value import Recorded


class Usage(Recorded):
    """Tokens counted by the model server, summed over ``requests`` calls."""

    requests: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    """The part of ``prompt_tokens`` that the server took from its prefix cache."""
    completion_tokens: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        """Both together."""
        return Usage.total((self, other))

    @classmethod
    def total(cls, usages: Iterable["Usage"]) -> "Usage":
        """All of them together."""
        usages = tuple(usages)
        if len(usages) == 1:
            return usages[0]
        requests = prompt = cached = completion = 0
        for usage in usages:
            requests += usage.requests
            prompt += usage.prompt_tokens
            cached += usage.cached_tokens
            completion += usage.completion_tokens
        return cls(
            requests=requests,
            prompt_tokens=prompt,
            cached_tokens=cached,
            completion_tokens=completion,
        )

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens


class Proposal(Recorded):
    """One agent's answer in one round. A revision is a proposal with a parent; the parent stays in the pool."""

    proposal_id: str
    """``<agent_id>.<round>``: an agent answers once a round."""
    agent_id: str
    role: str
    model: str
    """The model that answered, after fallback."""
    round: int
    kind: Literal["answer", "checks"] = "answer"
    """``checks``: the content is tests that a QA agent proposes, not an answer to rank."""
    parent_id: str | None = None
    content: str
    """The answer as given, without the model's reasoning."""
    reasoning: str = ""
    """What the model thought before it answered; never shown to peers."""
    finish_reason: str = "stop"
    confidence: float | None = None
    """Mean log-probability of the output tokens (natural logarithm, at most 0), where the server tells it."""
    usage: Usage = Usage()
    evidence: dict[str, JsonValue] = Field(default_factory=dict)
    """What the agent found on its way: suspected lines, edits tried, its own prior."""


def proposal_id(agent_id: str, round_: int) -> str:
    """The one id of what ``agent_id`` answers in that round."""
    return f"{agent_id}.{round_}"
