"""This process as a driver of a Ray cluster."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import ray
from ray.exceptions import RayError

from swe_ai_fleet.errors import UnreachableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_output import log_what_ray_prints
from swe_ai_fleet.execution.ray_token import use_ray_token

_WAY_OUT = "Start it (ray start --head), or correct FLEET_RAY__ADDRESS."


@asynccontextmanager
async def connected(options: RayOptions) -> AsyncIterator[None]:
    """Connect, and disconnect afterwards; a connection that this process has already is used and left as it is.

    Raises:
        UnreachableError: the cluster does not answer in time, refuses the token, or no address is given.
    """
    log_what_ray_prints()
    if ray.is_initialized():
        yield
        return
    if options.address is None:
        raise UnreachableError("Ray", "this process", "Nothing is embedded here: set FLEET_RAY__ADDRESS.")
    await _probe(options.address, limit_s=options.connect_timeout_s)
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            await asyncio.to_thread(_connect, options, options.address)
    except TimeoutError as error:
        raise UnreachableError("Ray", options.address, _WAY_OUT) from error
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise UnreachableError("Ray", options.address, f"{_WAY_OUT} Ray says: {error}") from error
    try:
        yield
    finally:
        await asyncio.to_thread(ray.shutdown)


async def _probe(address: str, *, limit_s: float) -> None:
    """See that somebody listens, before Ray itself goes on trying for a minute."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    if parts.hostname is None or parts.port is None:
        return
    try:
        async with asyncio.timeout(limit_s):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    except (OSError, TimeoutError) as error:
        raise UnreachableError("Ray", address, _WAY_OUT) from error
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _connect(options: RayOptions, address: str) -> None:
    if options.token is not None:
        use_ray_token(options.token.get_secret_value())
    ray.init(
        address=address,
        namespace=options.namespace,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
