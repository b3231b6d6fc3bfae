"""The embedded cluster: a Ray of this machine alone, reachable over loopback, with a token of its own."""

import asyncio
import logging
import os
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swe_ai_fleet.errors import UnreachableError
from swe_ai_fleet.execution.ray_signals import keep_sigterm
from swe_ai_fleet.execution.ray_token import use_ray_token

_OBJECT_STORE_BYTES = 256 * 1024**2


@asynccontextmanager
async def open_ray_cluster(namespace: str) -> AsyncIterator[str]:
    """A started cluster with this process as its driver; yields its address and stops it afterwards.

    Raises:
        UnreachableError: it does not start; the message is Ray's own.
    """
    try:
        address = await asyncio.to_thread(_start, namespace)
    except Exception as error:  # Ray raises bare ones where its processes do not come up
        await asyncio.to_thread(_stop)
        way_out = f"The embedded Ray does not start: {error}. --no-ray works in one process."
        raise UnreachableError("Ray", "this machine", way_out) from error
    try:
        yield address
    finally:
        await asyncio.to_thread(_stop)


def _start(namespace: str) -> str:
    _prepare_environment()
    import ray

    keep_sigterm()
    ray.init(
        address="local",
        namespace=namespace,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=_OBJECT_STORE_BYTES,
        _node_ip_address="127.0.0.1",
    )
    return str(ray.get_runtime_context().gcs_address)


def _stop() -> None:
    import ray

    ray.shutdown()


def _prepare_environment() -> None:
    """Ray reads these from the environment alone, when it is imported and in the processes that it starts."""
    environment = os.environ  # noqa: TID251  # written, not read: this is how Ray is told
    environment["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    environment["RAY_USAGE_STATS_ENABLED"] = "0"
    use_ray_token(secrets.token_hex(32))
