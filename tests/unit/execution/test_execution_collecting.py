"""The more seldom a look for cyclic garbage finds any, the later the next one comes."""

import gc
from collections.abc import Iterator

import pytest

from swe_ai_fleet.execution.collecting import collect_seldom


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    threshold, callbacks = gc.get_threshold(), list(gc.callbacks)
    gc.collect()
    yield
    gc.callbacks[:] = callbacks
    gc.set_threshold(*threshold)


def young_limit() -> int:
    return gc.get_threshold()[0]


def leave_cycles(count: int) -> None:
    for _ in range(count):
        cycle: list[object] = []
        cycle.append(cycle)


def test_looks_that_find_nothing_come_later_and_later_up_to_a_limit() -> None:
    collect_seldom()
    first = young_limit()
    gc.collect(0)
    assert young_limit() == 2 * first
    for _ in range(20):
        gc.collect(0)
    assert young_limit() == 1_000_000


def test_a_look_that_finds_much_makes_the_next_one_come_soon() -> None:
    collect_seldom()
    first = young_limit()
    for _ in range(3):
        gc.collect(0)
    leave_cycles(8 * first // 20 + 1)
    gc.collect()
    assert young_limit() == first


def test_asking_twice_changes_nothing() -> None:
    collect_seldom()
    collect_seldom()
    first = young_limit()
    gc.collect(0)
    assert young_limit() == 2 * first
