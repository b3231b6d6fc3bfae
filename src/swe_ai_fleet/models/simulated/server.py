"""The simulated model server: OpenAI's chat completions over real HTTP, without a model."""

import asyncio
import hmac
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web

from swe_ai_fleet.errors import InputError
from swe_ai_fleet.models.simulated.answers import Script, make_answer, spoilt
from swe_ai_fleet.models.simulated.counts import Counts, Ledger
from swe_ai_fleet.models.simulated.documents import models_document
from swe_ai_fleet.models.simulated.exchange import Exchange, refusal, refused_field
from swe_ai_fleet.models.simulated.faults import FaultPlan
from swe_ai_fleet.models.simulated.prefixes import PrefixCache
from swe_ai_fleet.models.simulated.request import ChatRequest, read_request
from swe_ai_fleet.models.simulated.traits import Traits

_MAX_BODY_BYTES = 64 * 1024**2
_STOP_S = 0.05
_SECRET_HEADERS = {"authorization", "cookie"}


class SimulatedModelServer:
    """``async with SimulatedModelServer() as server``: a model server at ``server.url`` until it is left.

    ``traits``, ``faults`` and ``script`` may be replaced while it runs; the next request finds the new ones.
    The same seed and the same request give the same answer; the same seed and the same number give the same fault.
    """

    def __init__(
        self,
        *,
        traits: Traits | None = None,
        faults: FaultPlan | None = None,
        script: Script | None = None,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
        shares_port: bool = False,
    ) -> None:
        """Nothing listens yet. ``shares_port``: several processes may listen on the same port at once."""
        self.traits = traits or Traits()
        self.faults = faults or FaultPlan()
        self.script = script
        self._seed = seed
        self._host = host
        self._port = port
        self._shares_port = shares_port
        self._ledger = Ledger()
        self._prefixes = PrefixCache()
        self._peers: set[object] = set()
        self._stopping = False
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_get("/v1/models", self._models)
        app.router.add_get("/health", self._health)
        app.router.add_get("/metrics", self._metrics)
        self._stopping = False
        self._runner = web.AppRunner(
            app,
            access_log=None,
            handler_cancellation=True,
            keepalive_timeout=self.traits.keep_alive_s,
            shutdown_timeout=_STOP_S,
        )
        await self._runner.setup()
        site = web.TCPSite(
            self._runner, self._host, self._port, backlog=4096, reuse_port=self._shares_port or None
        )
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    @property
    def url(self) -> str:
        """The base URL, with ``/v1``; it stays the same when the server is entered again."""
        return f"http://{self._host}:{self._port}/v1"

    @property
    def counts(self) -> Counts:
        """What it has seen so far."""
        return self._ledger.counts()

    async def until(self, reached: Callable[[Counts], bool]) -> Counts:
        """Wait for a request to come or to end that makes ``reached`` true; no limit of its own."""
        return await self._ledger.until(reached)

    def _locked_out(self, http: web.Request) -> web.Response | None:
        """The 401 for a request without the right key; None where it may pass."""
        key = self.traits.api_key
        if key is None:
            return None
        given = http.headers.get("Authorization", "")
        if hmac.compare_digest(given.encode(), f"Bearer {key.get_secret_value()}".encode()):
            return None
        return refusal(401, "simulated: unauthorized", code="invalid_api_key")

    async def _chat(self, http: web.Request) -> web.StreamResponse:
        number = self._ledger.arrived()
        self._count_connection(http)
        is_aborted = False
        try:
            return self._locked_out(http) or await self._answered(http, number)
        except (asyncio.CancelledError, ConnectionError):
            is_aborted = not self._stopping
            raise
        finally:
            self._ledger.left(is_aborted=is_aborted)

    async def _answered(self, http: web.Request, number: int) -> web.StreamResponse:
        traits, plan = self.traits, self.faults
        raw = await http.read()
        headers = {name.lower(): text for name, text in http.headers.items()}
        try:
            request = read_request(
                raw,
                number=number,
                headers={name: text for name, text in headers.items() if name not in _SECRET_HEADERS},
            )
        except InputError as error:
            return refusal(400, str(error), param=error.field)
        if traits.capacity is not None and self._ledger.open > traits.capacity:
            return refusal(503, "simulated: the queue is full")
        refused = refused_field(request, traits) if traits.refuses else None
        return refused or await self._exchange(http, request, raw, traits, plan)

    async def _exchange(
        self, http: web.Request, request: ChatRequest, raw: bytes, traits: Traits, plan: FaultPlan
    ) -> web.StreamResponse:
        fault = plan.fault(request.number, seed=self._seed)
        if fault is not None:
            self._ledger.faults[fault] += 1
        cached = self._prefixes.take(request.prompt) if traits.caches_prefixes else 0
        answer = make_answer(
            request, raw, script=self.script, traits=traits, seed=self._seed, cached_tokens=cached
        )
        answer = spoilt(answer, fault, slow_s=plan.slow_s)
        exchange = Exchange(http=http, request=request, answer=answer, fault=fault, traits=traits, plan=plan)
        response = await exchange.run()
        if fault is None or fault.leaves_an_answer:
            self._ledger.answered(
                prompt=answer.prompt_tokens,
                cached=cached,
                completion=answer.completion_tokens,
                finish_reason=answer.finish_reason,
            )
        return response

    def _count_connection(self, http: web.Request) -> None:
        if http.transport is not None:
            self._peers.add(http.transport.get_extra_info("peername"))
            self._ledger.connections = len(self._peers)

    async def _models(self, http: web.Request) -> web.Response:
        return self._locked_out(http) or web.Response(
            body=models_document(self.traits.model), content_type="application/json"
        )

    async def _health(self, _http: web.Request) -> web.Response:
        return web.Response()

    async def _metrics(self, _http: web.Request) -> web.Response:
        return web.Response(text=self._ledger.metrics(self.traits.model))
