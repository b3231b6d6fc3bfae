"""Pauses that all calls keep together, and the share of calls that may be repeats."""

import random

import pytest

from swe_ai_fleet.models.backoff import RetryBudget, SharedBackoff


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


def backoff(clock: Clock) -> SharedBackoff:
    return SharedBackoff(now=clock, rng=random.Random(1), base_s=1.0, cap_s=8.0)


def test_nobody_waits_before_anything_was_refused(clock: Clock) -> None:
    assert backoff(clock).wait_s() == 0.0


def test_every_caller_waits_at_least_as_long_as_the_server_wishes_and_comes_back_at_its_own_moment(
    clock: Clock,
) -> None:
    shared = backoff(clock)
    assert shared.shed(3.0)
    waits = {shared.wait_s() for _ in range(20)}
    assert len(waits) == 20
    assert 3.0 <= min(waits) <= max(waits) <= 3.0 * 1.25
    clock.now_s += 3.0
    assert shared.wait_s() == 0.0


def test_without_a_wish_the_pause_doubles_up_to_its_cap(clock: Clock) -> None:
    shared = backoff(clock)
    pauses = []
    for _ in range(6):
        shared.shed(None)
        began = clock.now_s
        while (left := shared.wait_s()) > 0:
            clock.now_s += left
        pauses.append(clock.now_s - began)
    for pause, whole in zip(pauses, [1, 2, 4, 8, 8, 8], strict=True):
        assert whole / 2 <= pause <= whole * 1.25


def test_refusals_of_calls_that_were_in_flight_together_count_once(clock: Clock) -> None:
    shared = backoff(clock)
    assert shared.shed(None)
    first = shared.wait_s()
    assert not any(shared.shed(None) for _ in range(50))
    assert shared.wait_s() <= first * 1.25 + 0.25


def test_a_longer_wish_during_a_pause_prolongs_it(clock: Clock) -> None:
    shared = backoff(clock)
    shared.shed(1.0)
    assert not shared.shed(5.0)
    assert shared.wait_s() >= 5.0


def test_a_wish_without_sense_is_followed_for_five_minutes(clock: Clock) -> None:
    shared = backoff(clock)
    shared.shed(1_767_225_600.0)
    assert 300.0 <= shared.wait_s() <= 375.0


def test_a_wish_of_zero_still_pauses(clock: Clock) -> None:
    shared = backoff(clock)
    shared.shed(0.0)
    assert shared.wait_s() >= 0.1


def test_successes_lead_back_to_the_shortest_pause(clock: Clock) -> None:
    shared = backoff(clock)
    for _ in range(4):
        shared.shed(None)
        clock.now_s += 60.0
    for _ in range(4):
        shared.succeeded()
    shared.shed(None)
    assert shared.wait_s() <= 1.25


def test_repeats_are_a_share_of_the_first_calls() -> None:
    budget = RetryBudget(ratio=0.5, reserve=2.0, ceiling=2.0)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()
    for _ in range(100):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]
