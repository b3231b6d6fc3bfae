"""The wire format of ``/chat/completions``, as pure functions: request out, completion or error in."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, NoReturn

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from pydantic_core import from_json, to_json
from typing_extensions import TypedDict  # pydantic does not take typing's before Python 3.12

from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.errors import (
    ModelError,
    ModelFilteredError,
    ModelMalformedError,
    ModelServerError,
    ModelTruncatedError,
)
from swe_ai_fleet.models.adaptation import Adaptation, relaxed_schema
from swe_ai_fleet.models.http_errors import error_of_body
from swe_ai_fleet.ports.models import Completion, ModelRequest

_PRIORITIES: Mapping[str, int] = {"judge": -10, "interactive": 0, "batch": 10}
_LEAST_LOGPROB = -100.0
"""Servers write impossible tokens as -9999; one of them must not drown the mean."""

_OPENED_THOUGHT = re.compile(r"\s*<think>(.*?)(</think>\s*|\Z)", re.DOTALL)
_PREFILLED_THOUGHT = re.compile(r"((?:(?!<think>).)*?)\n</think>\s*\n", re.DOTALL)


class _Lenient(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _PromptDetails(_Lenient):
    cached_tokens: int | None = None


class _WireUsage(_Lenient):
    prompt_tokens: Annotated[int, Field(ge=0)] | None = 0
    completion_tokens: Annotated[int, Field(ge=0)] | None = 0
    prompt_tokens_details: _PromptDetails | None = None


class _TokenLogprob(TypedDict):
    """One of many: a dictionary is read three times as fast as a model."""

    logprob: float


class _Logprobs(_Lenient):
    content: list[_TokenLogprob] | None = None


class _WireMessage(_Lenient):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None


class _Choice(_Lenient):
    message: _WireMessage
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Answer(_Lenient):
    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _WireUsage | None = None


def request_body(
    request: ModelRequest,
    *,
    model: str,
    adaptation: Adaptation,
    sends_priority: bool,
    sends_seed: bool,
    streams: bool,
) -> bytes:
    """The JSON to send, without the fields that the server has turned out not to take."""
    body: dict[str, JsonValue] = {
        "model": model,
        "messages": [{"role": turn.role, "content": turn.content} for turn in request.messages],
        adaptation.limit_field: request.max_tokens,
        "stream": streams,
    }
    optional: dict[str, JsonValue] = {"temperature": request.temperature}
    if request.seed is not None and sends_seed:
        optional["seed"] = request.seed
    if request.logprobs:
        optional["logprobs"] = True
    if sends_priority:
        optional["priority"] = _PRIORITIES[request.priority]
    if request.json_schema is not None:
        schema = relaxed_schema(request.json_schema) if adaptation.relaxes_schema else request.json_schema
        optional["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": request.schema_name, "strict": True, "schema": schema},
        }
    if streams:
        optional["stream_options"] = {"include_usage": True}
    body.update((name, value) for name, value in optional.items() if name not in adaptation.dropped)
    return to_json(body)


def read_completion(body: bytes, request: ModelRequest, *, model_id: str) -> Completion:
    """The completion in a 200 answer.

    Raises:
        ModelMalformedError: it is not what the protocol promises, or empty.
        ModelTruncatedError: it ended at the token limit where that leaves nothing usable.
        ModelFilteredError: the provider withheld it.
        ModelError: some gateways put an error into a 200; it is translated by its own code.
    """
    try:
        answer = _Answer.model_validate_json(body)
    except ValidationError as error:
        _raise_unreadable(body, model_id, error)
    choice = answer.choices[0]
    message = choice.message
    reason = _finish_reason(choice, model_id)
    text, thought = _split_thought(message.content or "")
    reasoning = message.reasoning or message.reasoning_content or thought
    if reason == "length" and (request.json_schema is not None or not text.strip()):
        spent = "thinking" if not text.strip() else "a JSON answer"
        truncated = ModelTruncatedError(
            model_id, f"{request.max_tokens} tokens ended in the middle of {spent}"
        )
        paid = _usage(answer.usage)
        truncated.prompt_tokens, truncated.completion_tokens = paid.prompt_tokens, paid.completion_tokens
        raise truncated
    if not text.strip():
        raise ModelMalformedError(model_id, "the answer is empty")
    return Completion(
        text=text,
        reasoning=reasoning,
        model=model_id,
        finish_reason=reason,
        usage=_usage(answer.usage),
        mean_logprob=_mean_logprob(choice.logprobs),
    )


def _raise_unreadable(body: bytes, model_id: str, cause: ValidationError) -> NoReturn:
    """Tell an error inside a 200 from an answer that is broken."""
    told: ModelError | None = None
    try:
        told = error_of_body(from_json(body), model_id)
    except ValueError:
        start = body[:120].decode("utf-8", "replace")
        raise ModelMalformedError(model_id, f"not JSON: {start!r}") from cause
    if told is not None:
        raise told from cause
    first = cause.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    raise ModelMalformedError(model_id, f"not a chat completion: {where}: {first['msg']}") from cause


def _finish_reason(choice: _Choice, model_id: str) -> Literal["stop", "length"]:
    match choice.finish_reason:
        case "content_filter":
            raise ModelFilteredError(model_id, "the provider's content filter withheld the answer")
        case "abort" | "error":
            raise ModelServerError(model_id, f"the server gave the answer up ({choice.finish_reason})")
        case "length":
            return "length"
        case _ if choice.message.refusal and not choice.message.content:
            raise ModelFilteredError(model_id, f"the model refused: {choice.message.refusal[:200]}")
        case _:
            return "stop"


def _split_thought(content: str) -> tuple[str, str]:
    """Answer and reasoning of servers that leave the thinking in the text; a chat template may have opened it."""
    match = None
    if "think>" in content:
        match = _OPENED_THOUGHT.match(content) or _PREFILLED_THOUGHT.match(content)
    if match is None:
        return content, ""
    return content[match.end() :], match.group(1).strip()


def _usage(usage: _WireUsage | None) -> Usage:
    if usage is None:
        return Usage(requests=1)
    details = usage.prompt_tokens_details
    return Usage(
        requests=1,
        prompt_tokens=usage.prompt_tokens or 0,
        cached_tokens=(details.cached_tokens or 0) if details is not None else 0,
        completion_tokens=usage.completion_tokens or 0,
    )


def _mean_logprob(logprobs: _Logprobs | None) -> float | None:
    """Mean over the output tokens, in natural logarithms; None where the server tells none."""
    if logprobs is None or not logprobs.content:
        return None
    told = [token["logprob"] for token in logprobs.content]
    if min(told) < _LEAST_LOGPROB or max(told) > 0:
        told = [min(0.0, max(_LEAST_LOGPROB, logprob)) for logprob in told]
    return sum(told) / len(told)
