"""A model server, as agents see it."""

from typing import Annotated, Literal, Protocol

from pydantic import Field, JsonValue

from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.domain.value import Recorded


class Message(Recorded):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class ModelRequest(Recorded):
    """One chat completion that is asked for."""

    messages: tuple[Message, ...]
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    max_tokens: Annotated[int, Field(ge=1)] = 2000
    seed: int | None = None
    json_schema: dict[str, JsonValue] | None = None
    """Where given, the answer must be JSON of this schema (``response_format`` json_schema)."""
    schema_name: str = "answer"
    logprobs: bool = True
    """Ask for the log-probabilities of the output tokens; servers that cannot give them are fine."""
    priority: Literal["judge", "interactive", "batch"] = "interactive"
    session: str = ""
    """Stable for one deliberation, so that a router can keep it on one replica."""
    timeout_s: float | None = None
    """Total limit of this call; the client's own limit where it is None."""
    traceparent: str | None = None


class Completion(Recorded):
    """A model's answer."""

    text: str
    reasoning: str = ""
    """What it thought first, kept apart from the answer."""
    model: str
    """``provider:model`` that answered, after fallback."""
    finish_reason: Literal["stop", "length"] = "stop"
    usage: Usage = Usage()
    mean_logprob: float | None = None
    attempts: int = 1
    """Calls that were made to get it, over all models of a fallback order."""


class ModelClient(Protocol):
    """A client of one model, or of several in a fallback order."""

    async def complete(self, request: ModelRequest) -> Completion:
        """Ask for one completion. Retries and fallback have happened inside.

        Raises:
            ModelError: the subclass says what went wrong and whether repeating can help.
        """
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...
