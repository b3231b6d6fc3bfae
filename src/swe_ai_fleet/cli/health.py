"""``/livez``, ``/readyz`` and ``/metrics`` of a worker."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from swe_ai_fleet.cli.metrics import CONTENT_TYPE, Metrics, Standing
from swe_ai_fleet.errors import FleetError, InputError

_READY_S = 2.0


@asynccontextmanager
async def open_health(
    *,
    host: str,
    port: int,
    metrics: Metrics,
    pending: Callable[[], Awaitable[int]],
    stop: asyncio.Event,
    standing: Callable[[float], Awaitable[Standing]] | None = None,
) -> AsyncIterator[str]:
    """Listen until it is left; yields the address.

    Args:
        host: address to listen on.
        port: 0 takes any free one.
        metrics: what ``/metrics`` shows.
        pending: asks the record how many commands wait; ``/readyz`` is 503 while it raises, or takes longer than
            two seconds.
        stop: once set, ``/readyz`` is 503: no new work is taken.
        standing: given how many commands wait, asks everything else that ``/metrics`` shows.

    Raises:
        InputError: the port cannot be taken.
    """

    async def alive(request: web.Request) -> web.Response:
        del request
        return web.Response(text="alive\n")

    async def ready(request: web.Request) -> web.Response:
        del request
        problem = await _problem(pending, stop)
        return web.Response(text=f"{problem or 'ready'}\n", status=503 if problem else 200)

    async def shown(request: web.Request) -> web.Response:
        del request
        waiting = await _count(pending)
        known = Standing(pending=waiting) if standing is None else await standing(waiting)
        return web.Response(body=metrics.text(known), headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.router.add_get("/livez", alive)
    app.router.add_get("/readyz", ready)
    app.router.add_get("/metrics", shown)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    try:
        yield await _listen(runner, host, port)
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> str:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        problem = f"cannot be listened on: {error.strerror or error}"
        raise InputError(
            "FLEET_WORKER__HEALTH_PORT", port, problem, "Give a free port, or 0 for none."
        ) from error
    bound = runner.addresses[0]
    return f"http://{bound[0]}:{bound[1]}"


async def _count(pending: Callable[[], Awaitable[int]]) -> float:
    try:
        async with asyncio.timeout(_READY_S):
            return await pending()
    except (TimeoutError, FleetError):
        return math.nan


async def _problem(pending: Callable[[], Awaitable[int]], stop: asyncio.Event) -> str:
    """Why no work should come here now; empty where it may."""
    if stop.is_set():
        return "stopping"
    try:
        async with asyncio.timeout(_READY_S):
            await pending()
    except TimeoutError:
        return f"the record did not answer within {_READY_S:g} s"
    except FleetError as error:
        return str(error)
    return ""
