"""Awaiting what runs on the cluster, with the fleet's own errors and with cancellation that arrives there."""

import asyncio
from typing import Any, TypeVar, cast

import ray
from ray import ObjectRef
from ray.exceptions import RayTaskError

from swe_ai_fleet.errors import FleetError

_Answer = TypeVar("_Answer")


async def awaited(ref: "ObjectRef[_Answer]", *, parting_s: float = 0.0) -> _Answer:
    """What the call returns. Cancelling the awaiting task cancels the call, unless that ends within ``parting_s``.

    To cancel costs more than to make a call, and many calls are given up when all but their answer has arrived.

    Raises:
        FleetError: the call raised it, there.
        RayError: it was lost, or raised something else.
    """
    answer = asyncio.wrap_future(ref.future())
    try:
        return await (asyncio.shield(answer) if parting_s else answer)
    except asyncio.CancelledError:
        _give_up(answer, ref, parting_s)
        raise
    except RayTaskError as error:
        if isinstance(error.cause, FleetError):
            raise error.cause from error
        raise


def _give_up(answer: "asyncio.Future[_Answer]", ref: "ObjectRef[_Answer]", parting_s: float) -> None:
    """Cancel the call, at once or unless it ends soon; nobody wants to hear how it ends."""
    if not parting_s:
        ray.cancel(ref)
        return
    cancelling = asyncio.get_running_loop().call_later(parting_s, ray.cancel, ref)

    def ended(answer: "asyncio.Future[_Answer]") -> None:
        cancelling.cancel()
        if not answer.cancelled():
            answer.exception()

    answer.add_done_callback(ended)


async def cluster_nodes() -> list[dict[str, Any]]:
    """The nodes of the connected cluster as Ray tells them, dead ones included."""
    return cast("list[dict[str, Any]]", await asyncio.to_thread(ray.nodes))
