"""How the processes in which agents work stand, for operators; plain values, so that they travel."""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from swe_ai_fleet.domain.value import Recorded

BreakerState = Literal["closed", "open", "half_open"]


class EndpointReport(Recorded):
    """One model at one server, as one process sees it; counts begin with the process."""

    model: str
    breaker: BreakerState
    in_flight: int
    waiting: int
    succeeded: int
    failed: dict[str, int]
    """Failed calls by the kind of the error."""
    retries: int
    hedges: int


class HostReport(Recorded):
    """One process in which agents work."""

    host: str
    """Unique among those of a pool; counts of the same name that have become smaller began anew."""
    endpoints: tuple[EndpointReport, ...] = ()
    publish_retries: int = 0
    """Publishes beyond the first try of each."""


@runtime_checkable
class ReportsEndpoints(Protocol):
    """Knows the model servers that it asks."""

    def reports(self) -> Sequence[EndpointReport]:
        """How each stands now."""
        ...


class ReportsHosts(Protocol):
    """A pool that knows the processes of its agents."""

    async def reports(self) -> Sequence[HostReport]:
        """How each stands now; those that do not answer within a second are left out."""
        ...
