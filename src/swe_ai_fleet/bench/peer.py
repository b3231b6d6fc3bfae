"""One of several processes that deliberate side by side, as ``python -m swe_ai_fleet.bench.peer``; and who starts them.

It reads one line of JSON that says where the record and the model are, answers ``ready``, and then deliberates as often
as each further line says, answering with a line when it has.
"""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from swe_ai_fleet.bench.surroundings import (
    asking,
    bench_fleet,
    ended,
    many,
    settings_of,
    settle_memory,
    text_settings,
    text_task,
)
from swe_ai_fleet.execution.collecting import collect_seldom
from swe_ai_fleet.settings import Settings


class Peers:
    """Processes that deliberate on one record."""

    def __init__(self, processes: Sequence[asyncio.subprocess.Process], *, at_once: int) -> None:
        """Use :func:`open_peers`."""
        self._processes = processes
        self._at_once = at_once

    async def run(self, deliberations: int) -> float:
        """Have each of them do so many; the seconds until all have."""
        began = time.perf_counter()
        for process in self._processes:
            _tell(process, f"{deliberations} {self._at_once}")
        for process in self._processes:
            await _told(process)
        return time.perf_counter() - began


@asynccontextmanager
async def open_peers(
    settings: Settings, url: str, *, count: int, agents: int, at_once: int
) -> AsyncIterator[Peers]:
    """So many of them, ready, each with ``at_once`` deliberations in flight; ended afterwards.

    Raises:
        OSError: one did not start.
    """
    async with AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(_process()) for _ in range(count)]
        for number, process in enumerate(processes):
            where = {"url": url, "agents": agents, "prefix": f"peer-{count}-{number}-{time.monotonic_ns()}"}
            _tell(process, json.dumps({"settings": text_settings(settings), **where}))
        for process in processes:
            await _told(process)
        yield Peers(processes, at_once=at_once)


@asynccontextmanager
async def _process() -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "swe_ai_fleet.bench.peer"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        process.terminate()
        await ended(process)


def _tell(process: asyncio.subprocess.Process, line: str) -> None:
    if process.stdin is not None:
        process.stdin.write(f"{line}\n".encode())


async def _told(process: asyncio.subprocess.Process) -> None:
    line = b"" if process.stdout is None else await process.stdout.readline()
    if not line:
        raise OSError("a process of the benchmark has ended")


async def _serve() -> None:
    given = json.loads(await asyncio.to_thread(sys.stdin.readline))
    settings = asking(settings_of(given["settings"]), given["url"])
    async with bench_fleet(settings, text_task(agents=given["agents"]), prefix=given["prefix"]) as fleet:
        settle_memory()
        collect_seldom()
        _answer("ready")
        while line := await asyncio.to_thread(sys.stdin.readline):
            count, at_once = map(int, line.split())
            await many(fleet.deliberate, count=count, at_once=at_once)
            _answer("done")


def _answer(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - does not exist on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=_new_loop) as peer:
        peer.run(_serve())
