"""Several models in a fallback order, as one model client."""

from collections.abc import Sequence

from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.errors import ModelError, ModelRequestError
from swe_ai_fleet.models.endpoint import loop_time
from swe_ai_fleet.ports.models import Completion, ModelClient, ModelRequest


class FallbackClient:
    """Asks each model in turn until one answers; what a model client raises for any reason leads to the next.

    ``Completion.model`` names the one that answered and ``attempts`` counts the calls to all of them. A limit on
    the whole call is dealt out: each model may use an equal share of what the ones before it have left. What failed
    answers cost is counted.
    """

    def __init__(self, chain: str, links: Sequence[ModelClient]) -> None:
        """``chain`` is the id of the whole, for errors; ``links`` are its clients, the preferred one first."""
        self._chain = chain
        self._links = tuple(links)

    async def complete(self, request: ModelRequest) -> Completion:
        """The first answer that any of the models gives.

        Raises:
            ModelError: all failed. It has the type of the last failure, tells every cause in its detail and
                carries all of them in the exception group that is its ``__cause__``.
        """
        causes: list[ModelError] = []
        began = loop_time()
        for position, link in enumerate(self._links):
            try:
                completion = await link.complete(self._shared(request, position, loop_time() - began))
            except ModelError as error:
                causes.append(error)
                continue
            before = sum(cause.attempts for cause in causes)
            paid = Usage.total([completion.usage, *map(_tokens_of, causes)])
            return completion.model_copy(update={"attempts": completion.attempts + before, "usage": paid})
        raise self._failure(causes) from ExceptionGroup(f"every model of {self._chain} failed", causes)

    async def close(self) -> None:
        """Close every link."""
        for link in self._links:
            await link.close()

    def _shared(self, request: ModelRequest, position: int, elapsed_s: float) -> ModelRequest:
        if request.timeout_s is None:
            return request
        left_s = max(0.001, request.timeout_s - elapsed_s)
        return request.model_copy(update={"timeout_s": left_s / (len(self._links) - position)})

    def _failure(self, causes: Sequence[ModelError]) -> ModelError:
        failure = type(causes[-1])(self._chain, "; ".join(str(cause) for cause in causes))
        failure.attempts = sum(cause.attempts for cause in causes)
        paid = Usage.total(map(_tokens_of, causes))
        failure.prompt_tokens, failure.completion_tokens = paid.prompt_tokens, paid.completion_tokens
        if isinstance(failure, ModelRequestError) and isinstance(causes[-1], ModelRequestError):
            failure.context_tokens = causes[-1].context_tokens
        return failure


def _tokens_of(cause: ModelError) -> Usage:
    """What an answer that was of no use cost; its requests are counted as attempts."""
    return Usage(prompt_tokens=cause.prompt_tokens, completion_tokens=cause.completion_tokens)
