"""The servers of one provider: those that its settings name, or every address that a name has at the moment."""

import asyncio
import math
import socket
from collections.abc import Awaitable, Callable, Sequence

from swe_ai_fleet.models.endpoint import loop_time
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.models.replicas import Replica

_LOOK_UP_S = 10.0
"""How long the addresses of a name are believed; replicas come and go within minutes."""

LookUp = Callable[[Provider], Awaitable[Sequence[Provider]]]


class Servers:
    """Finds the replicas of one model; a :data:`~swe_ai_fleet.models.replicas.Find`."""

    def __init__(
        self,
        provider: Provider,
        build: Callable[[Provider], Replica],
        *,
        look_up: LookUp | None = None,
        believed_s: float = _LOOK_UP_S,
    ) -> None:
        """Nothing is looked up yet.

        Args:
            provider: of whom the servers are wanted.
            build: makes what asks one server; called once for each, as long as the server is there.
            look_up: finds the addresses of a name; the system's resolver where it is None.
            believed_s: how long they are believed.
        """
        self._provider = provider
        self._build = build
        self._look_up = look_up or addresses
        self._believed_s = believed_s
        self._known: dict[str, Replica] = {}
        self._looked_up = -math.inf
        self._looking = asyncio.Lock()

    async def __call__(self) -> Sequence[Replica]:
        """Those of now; the ones of before where a name has no address any more."""
        if not self._provider.each_address:
            return self._at(self._provider.servers())
        async with self._looking:
            if loop_time() - self._looked_up >= self._believed_s:
                found = await self._look_up(self._provider)
                self._looked_up = loop_time()
                return self._at(found) if found else list(self._known.values())
        return list(self._known.values())

    def _at(self, providers: Sequence[Provider]) -> list[Replica]:
        self._known = {one.url: self._known.get(one.url) or self._build(one) for one in providers}
        return list(self._known.values())


async def addresses(provider: Provider) -> list[Provider]:
    """The provider once for every address of its host, sorted; none where the name is not known."""
    loop = asyncio.get_running_loop()
    host, port = provider.host_and_port
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [provider.at(address) for address in sorted({str(info[4][0]) for info in found})]


def own_hosts() -> frozenset[str]:
    """Names and addresses under which the servers of this machine may be known."""
    name = socket.gethostname()
    found = {"localhost", "127.0.0.1", "::1", name, name.partition(".")[0]}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: it only asks which address would be used
            found.add(str(probe.getsockname()[0]))
        except OSError:
            pass  # a machine without a route has no other address
    return frozenset(found)
