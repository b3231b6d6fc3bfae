"""Server-sent events of a streamed chat completion, put together into the document of an unstreamed one."""

from collections.abc import Callable

import aiohttp
from pydantic import JsonValue
from pydantic_core import from_json, to_json

from swe_ai_fleet.errors import ModelMalformedError

_MAX_LINE_BYTES = 1024 * 1024


async def assemble_stream(
    content: aiohttp.StreamReader, *, max_bytes: int, first_event: Callable[[], None], model_id: str
) -> bytes:
    """Read events until ``[DONE]`` or an error and return what the same answer looks like unstreamed.

    Args:
        content: the body of a ``text/event-stream`` answer.
        max_bytes: limit on all bytes of the stream.
        first_event: called when the first event with any part of the answer has come.
        model_id: for the errors.

    Raises:
        ModelMalformedError: a line is no event, the stream is too long, or it ends without ``[DONE]``.
    """
    answer = _Assembly()
    seen_bytes, told = 0, False
    buffer = bytearray()
    async for chunk in content.iter_any():
        seen_bytes += len(chunk)
        buffer += chunk
        if seen_bytes > max_bytes or len(buffer) > _MAX_LINE_BYTES:
            raise ModelMalformedError(model_id, f"the answer is longer than {max_bytes} bytes")
        *lines, rest = buffer.split(b"\n")
        buffer = bytearray(rest)
        for line in lines:
            payload = _payload(bytes(line))
            if payload == b"[DONE]":
                return answer.document()
            if payload is not None:
                answer.add(_event(payload, model_id))
                if answer.is_error:
                    return answer.document()
                if not told:
                    told = True
                    first_event()
    raise ModelMalformedError(model_id, f"the stream was cut after {seen_bytes} bytes")


def _payload(line: bytes) -> bytes | None:
    line = line.strip()
    return line.removeprefix(b"data:").strip() if line.startswith(b"data:") else None


def _event(payload: bytes, model_id: str) -> dict[str, JsonValue]:
    try:
        event = from_json(payload)
    except ValueError as error:
        start = payload[:120].decode("utf-8", "replace")
        raise ModelMalformedError(model_id, f"an event is not JSON: {start!r}") from error
    if not isinstance(event, dict):
        raise ModelMalformedError(model_id, "an event is not an object")
    return event


class _Assembly:
    """The parts of a first choice, joined in the order they came."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {
            "content": [],
            "reasoning": [],
            "reasoning_content": [],
            "refusal": [],
        }
        self._logprobs: list[JsonValue] = []
        self._finish_reason: JsonValue = None
        self._usage: JsonValue = None
        self._error: JsonValue = None

    @property
    def is_error(self) -> bool:
        """The server told an error instead of going on; not every one says ``[DONE]`` after it."""
        return self._error is not None

    def add(self, event: dict[str, JsonValue]) -> None:
        self._usage = event.get("usage") or self._usage
        self._error = event.get("error") or self._error
        match event.get("choices"):
            case [dict(choice), *_]:
                self._add_choice(choice)
            case _:
                pass

    def _add_choice(self, choice: dict[str, JsonValue]) -> None:
        self._finish_reason = choice.get("finish_reason") or self._finish_reason
        match choice.get("delta"):
            case dict(delta):
                for name, parts in self._texts.items():
                    text = delta.get(name)
                    if isinstance(text, str):
                        parts.append(text)
            case _:
                pass
        match choice.get("logprobs"):
            case {"content": list(tokens)}:
                self._logprobs.extend(tokens)
            case _:
                pass

    def document(self) -> bytes:
        if self._error is not None:
            return to_json({"error": self._error})
        message: dict[str, JsonValue] = {name: "".join(parts) or None for name, parts in self._texts.items()}
        choice: dict[str, JsonValue] = {
            "message": message,
            "finish_reason": self._finish_reason,
            "logprobs": {"content": self._logprobs} if self._logprobs else None,
        }
        return to_json({"choices": [choice], "usage": self._usage})
