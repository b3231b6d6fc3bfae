"""What a simulated model server in another process tells of itself."""

import asyncio
from collections.abc import Sequence

import aiohttp

_PAUSE_S = 0.2


async def until_running(urls: Sequence[str], calls: int, *, limit_s: float) -> int:
    """Wait until so many requests are open at the servers; how many are, which is fewer where the limit passed."""
    running = 0
    async with aiohttp.ClientSession() as session:
        try:
            async with asyncio.timeout(limit_s):
                while running < calls:
                    running = sum([await _running(session, url) for url in urls])
                    await asyncio.sleep(_PAUSE_S)
        except TimeoutError:
            pass
    return running


async def _running(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url.removesuffix("/v1") + "/metrics") as response:
        lines = (await response.text()).splitlines()
    told = next(line for line in lines if line.startswith("vllm:num_requests_running{"))
    return int(told.rpartition(" ")[2])
