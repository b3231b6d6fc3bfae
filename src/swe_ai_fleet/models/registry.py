"""Model ids to model clients; one place in a process where limits, breakers and connections are shared."""

import math
import random
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from swe_ai_fleet.errors import FleetError, InputError
from swe_ai_fleet.models.endpoint import Endpoint, loop_time
from swe_ai_fleet.models.fallback import FallbackClient
from swe_ai_fleet.models.limiter import PriorityLimiter
from swe_ai_fleet.models.model_id import ModelId, needs_a_server, split_chain
from swe_ai_fleet.models.openai_client import OpenAICompatibleClient
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.models.replicas import Replica, ReplicatedClient
from swe_ai_fleet.models.resilience import ResilientClient, RetryPolicy
from swe_ai_fleet.models.servers import Servers, addresses, own_hosts
from swe_ai_fleet.models.sessions import Sessions
from swe_ai_fleet.ports.health import EndpointReport
from swe_ai_fleet.ports.models import Completion, ModelClient, ModelRequest

_Place = tuple[ModelId, str]
"""One model at one server, by its URL."""


class ModelRegistry:
    """The configured providers and, once asked for, the clients of their models.

    All clients of one server share its connections and its limit on concurrency; all clients of one model there share
    its back-off and its breaker. A pickled registry is its description: in another process it starts anew.
    """

    def __init__(self, providers: Sequence[Provider] = (), *, retry: RetryPolicy | None = None) -> None:
        """Nothing is connected yet.

        Raises:
            InputError: two providers have the same name.
        """
        self.providers = tuple(providers)
        self.retry = retry or RetryPolicy()
        self._by_name = {provider.name: provider for provider in self.providers}
        self._names = frozenset(self._by_name)
        if len(self._by_name) != len(self.providers):
            names = [provider.name for provider in self.providers]
            raise InputError(
                "providers", names, "a name stands there twice", "Give each provider its own name."
            )
        self._sessions = {name: Sessions(provider) for name, provider in self._by_name.items()}
        self._limiters: dict[tuple[str, str], PriorityLimiter] = {}
        self._endpoints: dict[_Place, Endpoint] = {}
        self._plain_clients: dict[_Place, OpenAICompatibleClient] = {}
        self._rng = random.Random()  # noqa: S311 - spreads calls in time; nothing depends on its secrecy
        self._leases = 0
        self._seen_well: dict[ModelId, float] = {}
        """When each model was last probed well, on the loop's clock."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuilt, (self.providers, self.retry))

    def split(self, chain: str) -> list[ModelId]:
        """The links of a fallback order, each of a configured provider or offline.

        Raises:
            InputError: of the field ``model``.
        """
        return list(_split(chain, self._names))

    def client(self, model_id: str, *, has_successor: bool = False) -> ModelClient:
        """A client of one model, or of the models of a fallback order ``a|b|c``.

        Close each client that was asked for; with the last one the connections are closed. Every model but the last
        is given up early; with ``has_successor`` the last one too, for the caller has something behind it.

        Raises:
            InputError: of the field ``model``: not a model id, an unknown provider, or a link that is no model
                server (``offline:...``; tell those apart with :meth:`split`).
        """
        links = self.split(model_id)
        for link in links:
            if link.is_offline:
                raise InputError(
                    "model", model_id, f"{link} is no model server", "Give it to an agent that works offline."
                )
        given_up_early = len(links) if has_successor else len(links) - 1
        clients = [
            self._client(link, self.retry.impatient() if index < given_up_early else self.retry)
            for index, link in enumerate(links)
        ]
        self._leases += 1
        return _Lease(self, clients[0] if len(clients) == 1 else FallbackClient(model_id, clients))

    async def probe(self, model_id: str, *, known_for_s: float = 0.0) -> None:
        """See that a server of every online link answers and offers the model.

        Args:
            model_id: one model, or several in a fallback order.
            known_for_s: what it answered in the last so many seconds is believed.

        Raises:
            UnreachableError: no server of a link answers.
            InputError: of the field ``model``: the server answers, but does not offer it.
            ModelError: the server refuses these credentials or is no model server.
        """
        for link in self.split(model_id):
            if link.is_offline or loop_time() - self._seen_well.get(link, -math.inf) < known_for_s:
                continue
            await self._probe(link)
            self._seen_well[link] = loop_time()

    async def probe_one_of(self, chain: str, *, known_for_s: float = 0.0) -> None:
        """See that one link of a fallback order answers; an offline one always does.

        Args:
            chain: one model, or several in a fallback order.
            known_for_s: what it answered in the last so many seconds is believed.

        Raises:
            FleetError: the problem of the first link, as :meth:`probe` raises it.
        """
        links = self.split(chain)
        if not needs_a_server(links):
            return
        problems: list[FleetError] = []
        for link in links:
            try:
                await self.probe(str(link), known_for_s=known_for_s)
            except FleetError as error:
                problems.append(error)
            else:
                return
        raise problems[0]

    async def _probe(self, link: ModelId) -> None:
        """One server that is well is enough; the problem of the first where none is."""
        provider = self._by_name[link.provider]
        servers = await addresses(provider) if provider.each_address else provider.servers()
        problems: list[FleetError] = []
        for server in servers or [provider]:
            try:
                offered = await self._plain(link, server).models()
            except FleetError as error:
                problems.append(error)
                continue
            if not offered or link.model in offered:
                return
            shown = ", ".join(sorted(offered)[:10])
            problem = InputError("model", str(link), "the server does not offer it", f"It offers: {shown}.")
            problems.append(problem)
        raise problems[0]

    def reports(self) -> list[EndpointReport]:
        """How every model that was asked for stands now, sorted by its id."""
        return sorted((endpoint.report() for endpoint in self._endpoints.values()), key=lambda r: r.model)

    async def close(self) -> None:
        """Close all connections, whoever may still hold a client."""
        for sessions in self._sessions.values():
            await sessions.close()

    async def _give_back(self) -> None:
        self._leases -= 1
        if self._leases == 0:
            await self.close()

    def _client(self, link: ModelId, policy: RetryPolicy) -> ModelClient:
        """Of the one server that there is, or of several."""
        provider = self._by_name[link.provider]
        if not provider.is_replicated:
            return self._resilient(link, provider, policy)

        def build(server: Provider) -> Replica:
            hasty = self._resilient(link, server, policy.impatient())
            return Replica(url=server.url, hasty=hasty, patient=self._resilient(link, server, policy))

        near = own_hosts() if provider.prefers_own_node else ()
        return ReplicatedClient(str(link), Servers(provider, build), near=near)

    def _plain(self, link: ModelId, server: Provider) -> OpenAICompatibleClient:
        """The one client of that model there; what it learns of its server holds for all."""
        place = (link, server.url)
        client = self._plain_clients.get(place)
        if client is None:
            client = OpenAICompatibleClient(server, link.model, sessions=self._sessions[link.provider])
            self._plain_clients[place] = client
        return client

    def _resilient(self, link: ModelId, server: Provider, policy: RetryPolicy) -> ResilientClient:
        place = (link, server.url)
        endpoint = self._endpoints.get(place)
        if endpoint is None:
            is_one_of_several = self._by_name[link.provider].is_replicated
            name = f"{link} at {server.url}" if is_one_of_several else str(link)
            limit = PriorityLimiter(server.concurrency)
            limiter = self._limiters.setdefault((link.provider, server.url), limit)
            endpoint = self._endpoints[place] = Endpoint(name, limiter=limiter, rng=self._rng)
        return ResilientClient(self._plain(link, server), endpoint, policy, rng=self._rng)


class _Lease:
    """One caller's use of a client."""

    def __init__(self, registry: ModelRegistry, inner: ModelClient) -> None:
        self._registry = registry
        self._inner = inner
        self._closed = False

    async def complete(self, request: ModelRequest) -> Completion:
        return await self._inner.complete(request)

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await self._registry._give_back()  # noqa: SLF001 - a lease is part of its registry


@lru_cache(maxsize=1024)  # every deliberation asks, of the same few
def _split(chain: str, known: frozenset[str]) -> tuple[ModelId, ...]:
    return tuple(split_chain(chain, known=known))


def _rebuilt(providers: tuple[Provider, ...], retry: RetryPolicy) -> ModelRegistry:
    return ModelRegistry(providers, retry=retry)
