"""Awaiting what runs on the cluster, with the fleet's own errors and with cancellation that arrives there."""

import asyncio
from typing import Any, TypeVar, cast

import ray
from ray import ObjectRef
from ray.exceptions import RayTaskError

from swe_ai_fleet.errors import FleetError

_Answer = TypeVar("_Answer")


async def awaited(ref: "ObjectRef[_Answer]") -> _Answer:
    """What the call returns. Cancelling the awaiting task cancels the call.

    Raises:
        FleetError: the call raised it, there.
        RayError: it was lost, or raised something else.
    """
    try:
        return await ref
    except asyncio.CancelledError:
        ray.cancel(ref)
        raise
    except RayTaskError as error:
        if isinstance(error.cause, FleetError):
            raise error.cause from error
        raise


async def cluster_nodes() -> list[dict[str, Any]]:
    """The nodes of the connected cluster as Ray tells them, dead ones included."""
    return cast("list[dict[str, Any]]", await asyncio.to_thread(ray.nodes))
