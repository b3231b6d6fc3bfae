"""One question to one model, within what is left of the time and of the model's context."""

from collections.abc import Callable, Mapping
from typing import Literal

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.council import derive_seed
from swe_ai_fleet.domain.proposal import Proposal, Usage
from swe_ai_fleet.errors import ModelRequestError, ModelTruncatedError
from swe_ai_fleet.orchestrator.agents.parsing import critique_schema
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.models import Completion, Message, ModelClient, ModelRequest

_BYTES_PER_TOKEN = 2.5
"""Bytes of a prompt that surely fill no more than one token of context; code has three to four."""

Write = Callable[[int | None], tuple[Message, ...]]
"""Writes a conversation, shortened to about that many bytes where a number is given."""


class ModelAsker:
    """Asks for completions and remembers how long a conversation the model takes."""

    def __init__(
        self, client: ModelClient, *, clock: Clock, max_tokens: int, priority: Literal["interactive", "batch"]
    ) -> None:
        """``priority`` holds for everything but reviews, which go first."""
        self._client = client
        self._clock = clock
        self._max_tokens = max_tokens
        self._priority: Literal["interactive", "batch"] = priority
        self._context_tokens: int | None = None

    async def ask(
        self, assignment: Assignment, write: Write, labels: Mapping[str, Proposal] | None = None
    ) -> Completion:
        """One completion; of the reviews' structure where ``labels`` are given.

        A prompt that turns out to be longer than the model's context is shortened to it, once. One review that
        does not fit its tokens is asked for once more with twice as many.

        Raises:
            ModelError: the model did not answer.
        """
        try:
            return await self._shortened(assignment, write, labels, tokens=self._tokens(assignment))
        except ModelTruncatedError as error:
            if labels is None or len(labels) > 1:
                raise
            first = error
        again = await self._shortened(assignment, write, labels, tokens=2 * self._tokens(assignment))
        paid = Usage(requests=1, prompt_tokens=first.prompt_tokens, completion_tokens=first.completion_tokens)
        return again.model_copy(update={"usage": paid + again.usage, "attempts": again.attempts + 1})

    async def _shortened(
        self,
        assignment: Assignment,
        write: Write,
        labels: Mapping[str, Proposal] | None,
        *,
        tokens: int,
    ) -> Completion:
        known = self._context_tokens
        try:
            return await self._client.complete(self._request(assignment, write, labels, tokens))
        except ModelRequestError as error:
            if error.context_tokens is None or error.context_tokens == known:
                raise
            self._context_tokens = error.context_tokens
        return await self._client.complete(self._request(assignment, write, labels, tokens))

    def _priority_of(self, assignment: Assignment) -> Literal["judge", "interactive", "batch"]:
        if assignment.step.kind == "critique":
            return "judge"
        return "batch" if assignment.brief.task.priority == "batch" else self._priority

    def _tokens(self, assignment: Assignment) -> int:
        return min(assignment.max_tokens, self._max_tokens)

    def _request(
        self, assignment: Assignment, write: Write, labels: Mapping[str, Proposal] | None, tokens: int
    ) -> ModelRequest:
        spec, step = assignment.agent, assignment.step.kind
        limit_bytes: int | None = None
        if self._context_tokens is not None:
            tokens = min(tokens, max(1, self._context_tokens // 2))
            limit_bytes = int((self._context_tokens - tokens) * _BYTES_PER_TOKEN)
        left_s = (assignment.deadline - self._clock.now()).total_seconds()
        return ModelRequest(
            messages=write(limit_bytes),
            temperature=spec.temperature,
            max_tokens=tokens,
            seed=derive_seed(spec.seed, assignment.round, step),
            json_schema=None if labels is None else critique_schema(list(labels)),
            schema_name="answer" if labels is None else "reviews",
            priority=self._priority_of(assignment),
            session=assignment.deliberation_id,
            timeout_s=max(0.001, left_s),
            traceparent=assignment.traceparent,
        )
