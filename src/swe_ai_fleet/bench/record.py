"""The record measured: how fast it is written, read back and listed, and how much it takes."""

import asyncio
import math
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from swe_ai_fleet.bench.record_events import SampleDeliberation
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.local.nats_server import open_nats_server
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.nats_usage import stored_bytes
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import BLOBS, EVENTS
from swe_ai_fleet.ports.record import Record, Snapshot

_AT_ONCE = 64
"""Publishers at work at the same time."""
_STOP_TRIES = 100
_STOP_PAUSE_S = 0.05
_PROPOSAL_BYTES = 1024


class Spread(Value):
    """One figure over its repetitions."""

    median: float
    low: float
    high: float


class StoredSize(Value):
    """What the deliberations of one council size take."""

    agents: int
    events: int
    bytes: int


class RecordFigures(Value):
    """What was measured, on a server of its own in a fresh folder."""

    written_per_s: Spread
    """Events acknowledged a second, each of a proposal of 1 KiB, 64 publishers at once."""
    acknowledged_ms: Spread
    """One publish after the other: time to the acknowledgement."""
    replayed_per_s: Spread
    """Events of one deliberation read back and decoded a second."""
    show_ms: Spread
    """From asking for its events to the state of the largest deliberation; connected already."""
    show_agents: int
    show_rounds: int
    show_events: int
    list_ms: Spread
    """The 100 most recent of ``listed`` deliberations."""
    listed: int
    sizes: tuple[StoredSize, ...]
    """By council size, with the rounds of ``show_rounds``."""
    growth: float
    """Exponent of the stored bytes in the council's size, from the two largest: 1 is linear, 2 is its square."""


async def measure_record(
    *,
    agents: int = 128,
    rounds: int = 3,
    deliberations: int = 100_000,
    events: int = 5000,
    repetitions: int = 5,
) -> RecordFigures:
    """Start a server, fill it and measure; the record in use is not touched.

    Args:
        agents: the largest council.
        rounds: its passes of critique and revision.
        deliberations: how many there are to list.
        events: published in one repetition of the writing figures.
        repetitions: of every figure, after one that does not count.

    Raises:
        UnreachableError: the server does not start.
    """
    async with _own_server() as options, open_nats_record(options) as record:
        written = [await _write(record, f"written-{n}", events) for n in range(repetitions + 1)]
        single = [await _write_one_by_one(record, f"single-{n}") for n in range(repetitions + 1)]
        sizes = [await _stored(record, options, size, rounds) for size in _council_sizes(agents)]
        largest, count = f"sized-{agents}", sizes[-1].events
        show = [await _timed(lambda: _show(record, largest)) for _ in range(repetitions + 1)]
        await _fill_list(record, deliberations)
        listing = [await _timed(lambda: record.snapshots.list(limit=100)) for _ in range(repetitions + 1)]
    return RecordFigures(
        written_per_s=_spread([events / seconds for seconds in written]),
        acknowledged_ms=_spread([1000 * seconds for seconds in single]),
        replayed_per_s=_spread([count / seconds for seconds in show]),
        show_ms=_spread([1000 * seconds for seconds in show]),
        show_agents=agents,
        show_rounds=rounds,
        show_events=count,
        list_ms=_spread([1000 * seconds for seconds in listing]),
        listed=deliberations,
        sizes=tuple(sizes),
        growth=_growth(sizes),
    )


@asynccontextmanager
async def _own_server() -> AsyncIterator[NatsOptions]:
    with tempfile.TemporaryDirectory(prefix="fleet-bench-", ignore_cleanup_errors=True) as folder:
        async with open_nats_server(Path(folder)) as address:
            yield NatsOptions(url=address.url, token=address.token)
        for _ in range(_STOP_TRIES):  # the server writes into its folder until its keeper has stopped it
            if not (Path(folder) / "server.json").exists():
                break
            await asyncio.sleep(_STOP_PAUSE_S)


def _council_sizes(largest: int) -> list[int]:
    sizes = [size for size in (1, 2, 4, 8, 16, 32, 64, 128) if size < largest]
    return [*sizes, largest]


async def _timed(act: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await act()
    return time.perf_counter() - began


def _proposals(name: str, count: int) -> list[Event]:
    sample = SampleDeliberation(name, agents=1, rounds=0, proposal_bytes=_PROPOSAL_BYTES)
    proposed = next(event for event in sample.events() if event.type == "proposed")
    return [
        proposed.model_copy(update={"deliberation_id": f"{name}-{n // 10}", "round": n % 10})
        for n in range(count)
    ]


async def _write(record: Record, name: str, count: int) -> float:
    waiting = iter(_proposals(name, count))

    async def publish() -> None:
        for event in waiting:
            await record.events.publish(event)

    async def all_at_work() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(_AT_ONCE):
                group.create_task(publish())

    return await _timed(all_at_work)


async def _write_one_by_one(record: Record, name: str) -> float:
    """Median seconds of one publish."""
    took = []
    for event in _proposals(name, 200):
        began = time.perf_counter()
        await record.events.publish(event)
        took.append(time.perf_counter() - began)
    return statistics.median(took)


async def _stored(record: Record, options: NatsOptions, agents: int, rounds: int) -> StoredSize:
    """Store a whole deliberation and see by how much the server's streams have grown."""
    sample = SampleDeliberation(
        f"sized-{agents}", agents=agents, rounds=rounds, proposal_bytes=_PROPOSAL_BYTES
    )
    before = await stored_bytes(options)
    count = 0
    for event in sample.events():
        await record.events.publish(event)
        count += 1
    after = await stored_bytes(options)
    grown = sum(after[stream] - before[stream] for stream in (EVENTS, BLOBS))
    return StoredSize(agents=agents, events=count, bytes=grown)


async def _show(record: Record, deliberation_id: str) -> Deliberation:
    return Deliberation.of(await record.events.history(deliberation_id))


async def _fill_list(record: Record, count: int) -> None:
    now = datetime.now(UTC)
    waiting = iter(range(count))

    async def put() -> None:
        for n in waiting:
            await record.snapshots.put(
                Snapshot(
                    deliberation_id=f"listed-{n}",
                    task_id="sample",
                    phase="closed",
                    updated=now + timedelta(milliseconds=n),
                )
            )

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(put())


def _spread(figures: Sequence[float]) -> Spread:
    """Over all but the first, which warmed up."""
    counted = figures[1:]
    low, high = min(counted), max(counted)
    return Spread(median=round(statistics.median(counted), 3), low=round(low, 3), high=round(high, 3))


def _growth(sizes: Sequence[StoredSize]) -> float:
    if len(sizes) < 2:
        return 1.0
    smaller, larger = sizes[-2:]
    return round(math.log(larger.bytes / smaller.bytes) / math.log(larger.agents / smaller.agents), 3)
