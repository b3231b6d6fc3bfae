"""This process as a driver of a Ray cluster."""

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from urllib.parse import urlsplit

import ray
from ray.exceptions import RayError

from swe_ai_fleet.domain.address import shown_address
from swe_ai_fleet.errors import InputError, UnreachableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_output import log_what_ray_prints
from swe_ai_fleet.execution.ray_signals import keep_sigterm
from swe_ai_fleet.execution.ray_token import use_ray_token

_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
"""With an empty frame of settings; a gRPC server answers with its own, a TLS server with an alert."""
_WAY_OUT = "Start it (ray start --head), or correct FLEET_RAY__ADDRESS and the token."


@asynccontextmanager
async def connected(options: RayOptions) -> AsyncIterator[None]:
    """Connect, and disconnect afterwards; a connection that this process has already is used and left as it is.

    Raises:
        InputError: the address is none.
        UnreachableError: the cluster does not answer in time, refuses the token, or no address is given.
    """
    log_what_ray_prints()
    if ray.is_initialized():
        yield
        return
    if options.address is None:
        raise UnreachableError("Ray", "this process", "Nothing is embedded here: set FLEET_RAY__ADDRESS.")
    await probe(options.address, limit_s=options.connect_timeout_s)
    try:
        async with asyncio.timeout(options.connect_timeout_s):
            await abandonable(partial(_connect, options, options.address))
    except TimeoutError as error:
        raise UnreachableError("Ray", options.address, _WAY_OUT) from error
    except (OSError, RuntimeError, ValueError, RayError) as error:
        raise UnreachableError("Ray", options.address, f"{_WAY_OUT} Ray says: {error}") from error
    try:
        yield
    finally:
        await asyncio.to_thread(ray.shutdown)


async def abandonable(work: Callable[[], None]) -> None:
    """Do it in a thread that neither a timeout nor the end of the program has to wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def tell(error: BaseException | None) -> None:
        if done.done():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def run() -> None:
        problem: BaseException | None = None
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            problem = error
        with suppress(RuntimeError):  # the loop may have ended by then
            loop.call_soon_threadsafe(tell, problem)

    threading.Thread(target=run, name="connect to Ray", daemon=True).start()
    await done


async def probe(address: str, *, limit_s: float) -> None:
    """See that somebody listens and speaks gRPC, before Ray itself goes on trying for minutes."""
    if address == "auto":
        return
    host, port = _host_and_port(address)
    try:
        async with asyncio.timeout(limit_s):
            answer = await _greeting(host, port)
    except (OSError, TimeoutError) as error:
        raise UnreachableError("Ray", address, _WAY_OUT) from error
    if answer.startswith(b"HTTP/"):
        raise UnreachableError(
            "Ray", address, f"{_WAY_OUT} What listens there speaks HTTP/1; Ray's port is 6379."
        )


async def _greeting(host: str, port: int) -> bytes:
    """What is answered to the preface of HTTP/2."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(_HTTP2_PREFACE)
        return await reader.read(9)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


def _host_and_port(address: str) -> tuple[str, int]:
    parts = urlsplit(f"//{address}")
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if host is None or port is None or parts.netloc != address:
        way_out = "Give host:port of the cluster's head, or auto, on one of the cluster's nodes."
        raise InputError("ray.address", shown_address(address), "is no address of a cluster", way_out)
    return host, port


def _connect(options: RayOptions, address: str) -> None:
    keep_sigterm()
    if options.token is not None:
        use_ray_token(options.token.get_secret_value())
    ray.init(
        address=address,
        namespace=options.namespace,
        log_to_driver=False,
        logging_level=logging.ERROR,
    )
