"""The documents of OpenAI's API as vLLM writes them."""

from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from swe_ai_fleet.models.simulated.answers import Answer, logprob_of
from swe_ai_fleet.models.simulated.request import tokens_of


def completion_document(answer: Answer, model: str) -> bytes:
    """The whole answer."""
    logprobs = None
    if answer.logprobs is not None:
        logprobs = {"content": _logprobs(tokens_of(answer.text), answer.logprobs, 0)}
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": answer.text, "reasoning": answer.reasoning or None},
        "logprobs": logprobs,
        "finish_reason": answer.finish_reason,
    }
    return to_json(_framed(answer, model, "chat.completion", [choice], usage=usage_of(answer)))


def chunk_documents(answer: Answer, model: str, *, tokens_a_chunk: int, tells_usage: bool) -> Iterator[bytes]:
    """The answer as server-sent events: role, thinking, text, end, usage. ``[DONE]`` is not among them."""
    yield _event(answer, model, {"role": "assistant", "content": ""})
    for part in _parts(answer.reasoning, tokens_a_chunk):
        yield _event(answer, model, {"reasoning": "".join(part)})
    place = 0
    for part in _parts(answer.text, tokens_a_chunk):
        logprobs = None
        if answer.logprobs is not None:
            logprobs = {"content": _logprobs(part, answer.logprobs, place)}
        place += len(part)
        yield _event(answer, model, {"content": "".join(part)}, logprobs=logprobs)
    yield _event(answer, model, {}, finish_reason=answer.finish_reason)
    if tells_usage:
        yield sse(to_json(_framed(answer, model, "chat.completion.chunk", [], usage=usage_of(answer))))


def sse(payload: bytes) -> bytes:
    """One server-sent event."""
    return b"data: " + payload + b"\n\n"


def usage_of(answer: Answer) -> dict[str, Any]:
    """Tokens as vLLM counts them with ``--enable-prompt-tokens-details``."""
    return {
        "prompt_tokens": answer.prompt_tokens,
        "completion_tokens": answer.completion_tokens,
        "total_tokens": answer.prompt_tokens + answer.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
    }


def error_document(status: int, message: str, *, param: str | None = None, code: Any = None) -> bytes:
    """An error as vLLM tells it."""
    kind = "invalid_request_error" if status < 500 else "internal_error"
    return to_json({"error": {"message": message, "type": kind, "param": param, "code": code or status}})


def models_document(model: str) -> bytes:
    """What ``/v1/models`` tells."""
    card = {"id": model, "object": "model", "created": 0, "owned_by": "swe_ai_fleet.simulated"}
    return to_json({"object": "list", "data": [card]})


def _framed(
    answer: Answer, model: str, kind: str, choices: list[Any], *, usage: dict[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "id": answer.answer_id,
        "object": kind,
        "created": 0,
        "model": model,
        "choices": choices,
        "usage": usage,
    }


def _event(
    answer: Answer,
    model: str,
    delta: dict[str, Any],
    *,
    logprobs: dict[str, Any] | None = None,
    finish_reason: str | None = None,
) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
    return sse(to_json(_framed(answer, model, "chat.completion.chunk", [choice])))


def _parts(text: str, size: int) -> Iterator[list[str]]:
    tokens = tokens_of(text)
    for start in range(0, len(tokens), size):
        yield tokens[start : start + size]


def _logprobs(tokens: list[str], digest: bytes, place: int) -> list[dict[str, Any]]:
    return [
        {"token": token, "logprob": logprob_of(digest, place + i), "bytes": None, "top_logprobs": []}
        for i, token in enumerate(tokens)
    ]
