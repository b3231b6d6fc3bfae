"""One question to one model, within what is left of the time and of the model's context."""

from collections.abc import Callable
from typing import Literal

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.council import derive_seed
from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.errors import ModelRequestError, ModelTruncatedError
from swe_ai_fleet.orchestrator.agents.parsing import Form
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.models import Completion, Message, ModelClient, ModelRequest

_BYTES_PER_TOKEN = 2.5
"""Bytes of a prompt that surely fill no more than one token of context; code has three to four."""

_JUDGE_TEMPERATURE = 0.5
"""Of verdicts, at most: steady, but another draw where a pair is shown again."""

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
        self, assignment: Assignment, write: Write, form: Form | None = None, *, turn: int = 0
    ) -> Completion:
        """One completion, of that form where one is given.

        A prompt that turns out to be longer than the model's context is shortened to it, once. An answer whose
        form allows it, and that does not fit its tokens, is asked for once more with twice as many. Another
        ``turn`` of the same question is another draw.

        Raises:
            ModelError: the model did not answer.
        """
        try:
            return await self._shortened(assignment, write, form, turn, tokens=self._tokens(assignment))
        except ModelTruncatedError as error:
            if form is None or not form.may_grow:
                raise
            first = error
        again = await self._shortened(assignment, write, form, turn, tokens=2 * self._tokens(assignment))
        paid = Usage(requests=1, prompt_tokens=first.prompt_tokens, completion_tokens=first.completion_tokens)
        return again.model_copy(update={"usage": paid + again.usage, "attempts": again.attempts + 1})

    async def _shortened(
        self,
        assignment: Assignment,
        write: Write,
        form: Form | None,
        turn: int,
        *,
        tokens: int,
    ) -> Completion:
        known = self._context_tokens
        try:
            return await self._client.complete(self._request(assignment, write, form, turn, tokens))
        except ModelRequestError as error:
            if error.context_tokens is None or error.context_tokens == known:
                raise
            self._context_tokens = error.context_tokens
        return await self._client.complete(self._request(assignment, write, form, turn, tokens))

    def _priority_of(self, assignment: Assignment) -> Literal["judge", "interactive", "batch"]:
        if assignment.step.kind in ("critique", "judge"):
            return "judge"
        return "batch" if assignment.brief.task.priority == "batch" else self._priority

    def _tokens(self, assignment: Assignment) -> int:
        return min(assignment.max_tokens, self._max_tokens)

    def _request(
        self, assignment: Assignment, write: Write, form: Form | None, turn: int, tokens: int
    ) -> ModelRequest:
        spec, step = assignment.agent, assignment.step.kind
        limit_bytes: int | None = None
        if self._context_tokens is not None:
            tokens = min(tokens, max(1, self._context_tokens // 2))
            limit_bytes = int((self._context_tokens - tokens) * _BYTES_PER_TOKEN)
        left_s = (assignment.deadline - self._clock.now()).total_seconds()
        return ModelRequest(
            messages=write(limit_bytes),
            temperature=min(spec.temperature, _JUDGE_TEMPERATURE) if step == "judge" else spec.temperature,
            max_tokens=tokens,
            seed=derive_seed(spec.seed, assignment.round, step, *([turn] if turn else [])),
            json_schema=None if form is None else form.schema,
            schema_name="answer" if form is None else form.name,
            priority=self._priority_of(assignment),
            session=assignment.deliberation_id,
            timeout_s=max(0.001, left_s),
            traceparent=assignment.traceparent,
        )
