"""A client of any server that speaks OpenAI's ``/v1/chat/completions``: vLLM, OpenAI, OpenRouter and others."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp
from pydantic import JsonValue
from pydantic_core import from_json
from yarl import URL

from swe_ai_fleet.errors import (
    ModelError,
    ModelMalformedError,
    ModelTimeoutError,
    ModelUnreachableError,
    UnreachableError,
)
from swe_ai_fleet.models.adaptation import Adaptation
from swe_ai_fleet.models.endpoint import loop_time
from swe_ai_fleet.models.http_errors import error_of_answer, rejected_field
from swe_ai_fleet.models.model_id import ModelId
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.models.sessions import Sessions
from swe_ai_fleet.models.sse import assemble_stream
from swe_ai_fleet.models.traced import traced
from swe_ai_fleet.models.wire import read_completion, request_body
from swe_ai_fleet.ports.models import Completion, ModelRequest

_MAX_ERROR_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Answer:
    """A whole HTTP answer and how many times it took to get it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    attempts: int


class _ClosedBeforeAnyByteError(Exception):
    """The server closed the connection before it said anything; the request may be sent once more."""


class OpenAICompatibleClient:
    """A model at one provider: one call per completion, hard time limits, typed errors, no policy.

    A connection that closes before any byte of the answer is replaced once; every other retry, the limit on
    concurrency and the circuit breaker belong to :class:`~swe_ai_fleet.models.resilience.ResilientClient`.
    Cancelling a call closes its connection, which makes vLLM abort the request.
    """

    def __init__(self, provider: Provider, model: str, *, sessions: Sessions | None = None) -> None:
        """Nothing is connected yet. ``sessions`` shares connections; :meth:`close` closes only one's own."""
        self.provider = provider
        self.model_id = str(ModelId(provider=provider.name, model=model))
        self._model = model
        self._own_sessions = sessions is None
        self._sessions = sessions or Sessions(provider)
        self._adaptation = Adaptation()
        self._chat_url = URL(f"{provider.url}/chat/completions")

    async def complete(self, request: ModelRequest) -> Completion:
        """Ask for one completion; see :class:`~swe_ai_fleet.ports.models.ModelClient`."""
        return await traced(self._within_limit, request, provider=self.provider, model=self._model)

    async def _within_limit(self, request: ModelRequest) -> Completion:
        limit_s = min(self.provider.total_s, request.timeout_s or self.provider.total_s)
        try:
            return await self._complete(request, ends_s=loop_time() + limit_s)
        except TimeoutError as error:
            raise ModelTimeoutError(self.model_id, f"no whole answer within {limit_s:g} s") from error

    async def models(self, *, limit_s: float = 5.0) -> tuple[str, ...]:
        """Names of the models that the server offers: the question of a doctor, not of a call.

        Raises:
            UnreachableError: it does not answer within ``limit_s``, or says that it cannot serve.
            ModelError: it answers, but refuses these credentials or is no model server.
        """
        way_out = f"Start it, or correct base_url of provider {self.provider.name!r}."
        try:
            async with (
                asyncio.timeout(limit_s),
                self._sessions.current().get(f"{self.provider.url}/models") as response,
            ):
                body = await self._read(response, self.provider.max_response_bytes)
        except (TimeoutError, aiohttp.ClientError) as error:
            raise UnreachableError("model", self.provider.url, way_out) from error
        if response.status >= 500:
            raise UnreachableError("model", self.provider.url, way_out)
        if response.status != 200:
            raise error_of_answer(response.status, response.headers, self._without_key(body), self.model_id)
        return _model_names(body, self.model_id)

    async def close(self) -> None:
        """Close the connections, unless they are shared."""
        if self._own_sessions:
            await self._sessions.close()

    async def _complete(self, request: ModelRequest, *, ends_s: float) -> Completion:
        """Send; where the server does not take a field, send once more in the form that it takes."""
        attempts, adaptation = 0, self._adaptation
        while True:
            body = request_body(
                request,
                model=self._model,
                adaptation=adaptation,
                sends_priority=self.provider.sends_priority,
                sends_seed=self.provider.sends_seed,
                streams=self.provider.streams,
            )
            answer = await self._send(body, request, ends_s)
            attempts += answer.attempts
            next_form = None
            if answer.status in {400, 422}:
                next_form = adaptation.after_rejection(*rejected_field(answer.body))
            if next_form is None:
                break
            adaptation = next_form
        completion = self._translate(answer, request, attempts)
        self._adaptation = adaptation
        return completion

    def _translate(self, answer: _Answer, request: ModelRequest, attempts: int) -> Completion:
        try:
            if answer.status != 200:
                raise error_of_answer(
                    answer.status, answer.headers, self._without_key(answer.body), self.model_id
                )
            completion = read_completion(answer.body, request, model_id=self.model_id)
        except ModelError as error:
            error.attempts = attempts
            raise
        return completion if attempts == 1 else completion.model_copy(update={"attempts": attempts})

    async def _send(self, body: bytes, request: ModelRequest, ends_s: float) -> _Answer:
        """One exchange; a connection that the server had already given up is replaced once."""
        try:
            return await self._exchange(body, request, ends_s, attempt=1)
        except _ClosedBeforeAnyByteError:
            pass
        try:
            return await self._exchange(body, request, ends_s, attempt=2)
        except _ClosedBeforeAnyByteError as error:
            detail = f"{self.provider.url} closed the connection before any byte, twice"
            unreachable = ModelUnreachableError(self.model_id, detail)
            unreachable.attempts = 2
            raise unreachable from error

    async def _exchange(self, body: bytes, request: ModelRequest, ends_s: float, *, attempt: int) -> _Answer:
        """One timer: until the first byte it is set to that, then to the whole answer, whose lack is a TimeoutError."""
        provider = self.provider
        first_byte_s = loop_time() + provider.first_byte_s
        limit = asyncio.timeout_at(min(first_byte_s, ends_s))

        def has_begun() -> None:
            limit.reschedule(ends_s)

        try:
            async with limit:
                response = await self._post(body, request)
                async with response:
                    if response.content_type == "text/event-stream" and response.status == 200:
                        content = await assemble_stream(
                            response.content,
                            max_bytes=provider.max_response_bytes,
                            first_event=has_begun,
                            model_id=self.model_id,
                        )
                    else:
                        has_begun()
                        most = provider.max_response_bytes if response.status == 200 else _MAX_ERROR_BYTES
                        content = await self._read(response, most)
        except TimeoutError as error:
            if limit.when() == ends_s or not limit.expired():
                raise
            detail = f"no byte within {provider.first_byte_s:g} s"
            raise ModelTimeoutError(self.model_id, detail) from error
        except aiohttp.ClientError as error:
            raise ModelMalformedError(self.model_id, f"the answer was cut: {error}") from error
        return _Answer(response.status, response.headers, content, attempt)

    async def _post(self, body: bytes, request: ModelRequest) -> aiohttp.ClientResponse:
        headers = {}
        if request.session:
            headers["X-Session-Id"] = request.session
        if request.traceparent:
            headers["traceparent"] = request.traceparent
        try:
            return await self._sessions.current().post(
                self._chat_url, data=body, headers=headers or None, allow_redirects=False
            )
        except aiohttp.ConnectionTimeoutError as error:
            detail = f"no connection to {self.provider.url} within {self.provider.connect_s:g} s"
            raise ModelTimeoutError(self.model_id, detail) from error
        except aiohttp.ClientConnectorError as error:
            raise ModelUnreachableError(
                self.model_id, f"cannot connect to {self.provider.url}: {error.strerror or error}"
            ) from error
        except (
            aiohttp.ServerDisconnectedError,
            aiohttp.ClientOSError,
            aiohttp.ClientConnectionResetError,
        ) as error:
            raise _ClosedBeforeAnyByteError from error
        except aiohttp.ClientError as error:
            raise ModelMalformedError(self.model_id, f"not HTTP as it should be: {error}") from error

    async def _read(self, response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
        """The whole body, if it is not longer than the limit; an error body is cut there instead."""
        chunks = bytearray()
        async for chunk in response.content.iter_any():
            chunks += chunk
            if len(chunks) > limit_bytes:
                response.close()
                if response.status != 200:
                    break
                raise ModelMalformedError(self.model_id, f"the answer is longer than {limit_bytes} bytes")
        return bytes(chunks)

    def _without_key(self, body: bytes) -> bytes:
        """An error body as it may be shown: some servers repeat the credentials that they refuse."""
        key = self.provider.api_key
        return body if key is None else body.replace(key.get_secret_value().encode(), b"(key)")


def _model_names(body: bytes, model_id: str) -> tuple[str, ...]:
    try:
        document: JsonValue = from_json(body)
    except ValueError as error:
        raise ModelMalformedError(model_id, "the list of models is not JSON") from error
    match document:
        case {"data": list(rows)}:
            return tuple(str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row)
        case _:
            raise ModelMalformedError(model_id, "the list of models has no data")
