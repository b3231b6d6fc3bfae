"""A model call as a span, by OpenTelemetry's conventions for generative AI. What is said stays out of it."""

from collections.abc import Awaitable, Callable

from swe_ai_fleet.errors import ModelError
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.ports.models import Completion, ModelRequest
from swe_ai_fleet.tracing import names
from swe_ai_fleet.tracing.spans import Attributes, current_span, is_tracing, span


async def traced(
    call: Callable[[ModelRequest], Awaitable[Completion]],
    request: ModelRequest,
    *,
    provider: Provider,
    model: str,
) -> Completion:
    """Make the call inside a span, which the server is told as the parent of its own."""
    if not is_tracing():
        return await call(request)
    parent = None if current_span().traceparent else request.traceparent
    attributes = _asked(request, provider, model)
    with span(f"{names.CHAT} {model}", kind="client", parent=parent, attributes=attributes) as work:
        try:
            completion = await call(request.model_copy(update={"traceparent": work.traceparent}))
        except ModelError as error:
            work.fail(error.kind, error.detail)
            raise
        work.set(_answered(completion))
    return completion


def _asked(request: ModelRequest, provider: Provider, model: str) -> Attributes:
    host, port = provider.host_and_port
    return {
        names.OPERATION: names.CHAT,
        names.PROVIDER: provider.name,
        names.SERVER_ADDRESS: host,
        names.SERVER_PORT: port,
        names.REQUEST_MODEL: model,
        names.REQUEST_TEMPERATURE: request.temperature,
        names.REQUEST_MAX_TOKENS: request.max_tokens,
        names.REQUEST_SEED: request.seed if provider.sends_seed else None,
        names.REQUEST_STREAM: provider.streams,
        names.CONVERSATION: request.session or None,
        names.OUTPUT_TYPE: "text" if request.json_schema is None else "json",
    }


def _answered(completion: Completion) -> Attributes:
    usage = completion.usage
    return {
        names.RESPONSE_MODEL: completion.model.partition(":")[2],
        names.FINISH_REASONS: (completion.finish_reason,),
        names.INPUT_TOKENS: usage.prompt_tokens,
        names.CACHED_TOKENS: usage.cached_tokens,
        names.OUTPUT_TOKENS: usage.completion_tokens,
        names.ATTEMPT: completion.attempts,
    }
