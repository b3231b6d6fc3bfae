"""The bare calls that any engineer could write: what everything else is held against."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp

from swe_ai_fleet.bench.surroundings import PROVIDER
from swe_ai_fleet.domain.task import Task


class RawCalls:
    """aiohttp, one session, nothing recorded, nothing retried."""

    def __init__(self, session: aiohttp.ClientSession, url: str, task: Task) -> None:
        """Use :meth:`open`."""
        self._session = session
        self._url = f"{url}/chat/completions"
        self._body = json.dumps(
            {
                "model": PROVIDER,
                "messages": [{"role": "user", "content": task.description}],
                "max_tokens": 2000,
            }
        ).encode()

    async def call(self) -> str:
        """One completion's text."""
        headers = {"Content-Type": "application/json"}
        async with self._session.post(self._url, data=self._body, headers=headers) as response:
            answer = await response.json()
        return str(answer["choices"][0]["message"]["content"])

    async def all_at_once(self, agents: int) -> None:
        """What stands for one deliberation: as many calls as it has agents."""
        async with asyncio.TaskGroup() as group:
            for _ in range(agents):
                group.create_task(self.call())


@asynccontextmanager
async def raw_calls(url: str, task: Task) -> AsyncIterator[RawCalls]:
    """Bare calls to the server at ``url``, closed afterwards."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        yield RawCalls(session, url, task)
