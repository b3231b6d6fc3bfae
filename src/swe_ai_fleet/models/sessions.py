"""HTTP connections to one provider, opened when first used and bound to the event loop that uses them."""

import asyncio
from weakref import WeakKeyDictionary

import aiohttp

from swe_ai_fleet.models.provider import Provider

KEEP_ALIVE_S = 4.0
"""Shorter than uvicorn's 5 s, so that the server does not close a connection that is just being reused."""


class Sessions:
    """One aiohttp session per running event loop; a session must never be used on another loop than its own."""

    def __init__(self, provider: Provider) -> None:
        """Nothing is opened yet."""
        self._provider = provider
        self._open: WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = WeakKeyDictionary()

    def current(self) -> aiohttp.ClientSession:
        """The session of the running loop."""
        loop = asyncio.get_running_loop()
        session = self._open.get(loop)
        if session is None or session.closed:
            session = self._new_session()
            self._open[loop] = session
        return session

    async def close(self) -> None:
        """Close every connection, also those that a loop left behind. They open again when used again."""
        here = asyncio.get_running_loop()
        for loop, session in list(self._open.items()):
            if loop is here or loop.is_closed():
                await session.close()
            else:
                asyncio.run_coroutine_threadsafe(session.close(), loop)
        self._open.clear()

    def _new_session(self) -> aiohttp.ClientSession:
        key = self._provider.api_key
        headers = {"Content-Type": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key.get_secret_value()}"
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_S, ttl_dns_cache=30),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._provider.connect_s),
            headers=headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )
