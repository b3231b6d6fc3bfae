"""Measuring the record, in small."""

import pytest

from swe_ai_fleet.bench.record import measure_record

pytestmark = [pytest.mark.nats, pytest.mark.local]


async def test_every_figure_is_measured_and_size_grows_with_the_council_not_its_square() -> None:
    figures = await measure_record(agents=16, rounds=1, deliberations=300, events=200, repetitions=2)
    spreads = (
        figures.written_per_s,
        figures.acknowledged_ms,
        figures.replayed_per_s,
        figures.show_ms,
        figures.list_ms,
    )
    assert all(0 < spread.low <= spread.median <= spread.high for spread in spreads)
    assert [size.agents for size in figures.sizes] == [1, 2, 4, 8, 16]
    assert figures.show_events == figures.sizes[-1].events
    assert figures.growth < 1.2
