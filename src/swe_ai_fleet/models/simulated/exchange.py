"""One HTTP exchange of the simulated server: the answer in its time, or what the fault plan makes of it."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from swe_ai_fleet.models.simulated.answers import Answer
from swe_ai_fleet.models.simulated.documents import (
    chunk_documents,
    completion_document,
    error_document,
    sse,
)
from swe_ai_fleet.models.simulated.faults import Fault, FaultPlan
from swe_ai_fleet.models.simulated.request import ChatRequest, count_tokens
from swe_ai_fleet.models.simulated.traits import Traits

_CHUNK_S = 0.02
"""Tokens that fall into the same 20 ms are sent together."""

_STATUSES = {
    Fault.RATE_LIMITED: (429, "simulated: too many requests"),
    Fault.RATE_LIMITED_MUTE: (429, "simulated: too many requests"),
    Fault.UNAVAILABLE: (503, "simulated: the queue is full"),
    Fault.UNAVAILABLE_UNTIL: (503, "simulated: the queue is full"),
    Fault.SERVER_ERROR: (500, "simulated: internal error"),
    Fault.REJECTED: (400, "simulated: this model's maximum context length is 4096 tokens"),
}
_TELLS_WHEN = {Fault.RATE_LIMITED, Fault.UNAVAILABLE_UNTIL}


def refusal(status: int, message: str, *, param: str | None = None, code: str | None = None) -> web.Response:
    """An error answer."""
    body = error_document(status, message, param=param, code=code)
    return web.Response(status=status, body=body, content_type="application/json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Everything that decides how one request is answered."""

    http: web.Request
    request: ChatRequest
    answer: Answer
    fault: Fault | None
    traits: Traits
    plan: FaultPlan

    async def run(self) -> web.StreamResponse:
        """Answer. Cancelled when the client goes away."""
        if self.fault in _STATUSES:
            return self._shed(self.fault)
        if self.fault is Fault.HANG:
            await asyncio.Event().wait()
        if self.fault is Fault.CUT_BEFORE:
            self._hang_up()
            return web.Response()
        await asyncio.sleep(self.traits.first_token_s + self.answer.after_s)
        if self.fault in {Fault.CUT_MIDWAY, Fault.MALFORMED, Fault.ENDLESS, Fault.ERROR_INSIDE}:
            return await self._broken()
        if self.request.streams:
            return await self._stream()
        if self.traits.tokens_per_s is not None:
            await asyncio.sleep(self.answer.completion_tokens / self.traits.tokens_per_s)
        return self._json(completion_document(self.answer, self.traits.model))

    def _shed(self, fault: Fault) -> web.Response:
        status, message = _STATUSES[fault]
        response = refusal(status, message)
        if fault in _TELLS_WHEN:
            response.headers["Retry-After"] = f"{self.plan.retry_after_s:g}"
        return response

    async def _stream(self) -> web.StreamResponse:
        response = await self._opened("text/event-stream")
        pace_s = self._tokens_a_chunk() / self.traits.tokens_per_s if self.traits.tokens_per_s else 0.0
        for event in self._events():
            await response.write(event)
            await asyncio.sleep(pace_s)
        await response.write(sse(b"[DONE]"))
        await response.write_eof()
        return response

    def _events(self) -> Iterator[bytes]:
        options = self.request.body.get("stream_options") or {}
        return chunk_documents(
            self.answer,
            self.traits.model,
            tokens_a_chunk=self._tokens_a_chunk(),
            tells_usage=bool(options.get("include_usage")),
        )

    def _tokens_a_chunk(self) -> int:
        speed = self.traits.tokens_per_s
        return max(16, count_tokens(self.answer.text)) if speed is None else max(1, round(speed * _CHUNK_S))

    async def _broken(self) -> web.StreamResponse:
        """A 200 whose body is not what it should be."""
        if self.fault is Fault.ERROR_INSIDE:
            error = error_document(502, "simulated: the model behind this gateway failed", code=502)
            return await self._whole(error)
        if self.fault is Fault.MALFORMED:
            return await self._whole(b'{"choices": [{"message": simulated')
        is_cut = self.fault is Fault.CUT_MIDWAY
        beginning = completion_document(self.answer, self.traits.model)[:64]
        if self.request.streams:
            response = await self._opened("text/event-stream")
            beginning = next(self._events()) + (b"" if is_cut else b"data: {")
        else:
            response = await self._opened("application/json", length=64 * 1024 if is_cut else None)
        await response.write(beginning)
        while not is_cut:
            await response.write(b" " * 4096)
            await asyncio.sleep(0)
        self._hang_up()
        return response

    async def _whole(self, document: bytes) -> web.StreamResponse:
        if not self.request.streams:
            return self._json(document)
        response = await self._opened("text/event-stream")
        await response.write(sse(document))
        await response.write_eof()
        return response

    def _json(self, document: bytes) -> web.Response:
        return web.Response(body=document, content_type="application/json")

    async def _opened(self, content_type: str, *, length: int | None = None) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = content_type
        if length is not None:
            response.content_length = length
        await response.prepare(self.http)
        return response

    def _hang_up(self) -> None:
        if self.http.transport is not None:
            self.http.transport.close()


def refused_field(request: ChatRequest, traits: Traits) -> web.Response | None:
    """The 400 of a server that does not take one of the fields; None where it takes them all."""
    for field in sorted(traits.refuses & request.body.keys()):
        hint = " Use 'max_completion_tokens' instead." if field == "max_tokens" else ""
        message = f"Unsupported parameter: '{field}' is not supported with this model.{hint}"
        return refusal(400, message, param=field, code="unsupported_parameter")
    schema = json.dumps(request.json_schema)
    for keyword in sorted(traits.refuses):
        if f'"{keyword}":' in schema:
            message = f"Invalid schema for response_format: '{keyword}' is not permitted."
            return refusal(400, message, param="response_format", code="invalid_json_schema")
    return None
