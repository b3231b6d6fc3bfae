"""The circuit breaker: when an endpoint is left alone, and how it is tried again."""

import pytest

from swe_ai_fleet.models.breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(now=clock, threshold=3, open_s=1.0, max_open_s=4.0)


def admitted(breaker: CircuitBreaker) -> int:
    ticket = breaker.admit()
    assert ticket is not None
    return ticket


def state(breaker: CircuitBreaker) -> str:
    return breaker.state


def fail(breaker: CircuitBreaker, times: int = 1) -> None:
    for _ in range(times):
        breaker.failed(admitted(breaker), "boom")


def test_failures_in_a_row_open_the_circuit_and_a_success_between_them_does_not(
    breaker: CircuitBreaker,
) -> None:
    fail(breaker, 2)
    breaker.succeeded(admitted(breaker))
    fail(breaker, 2)
    assert state(breaker) == "closed"
    fail(breaker)
    assert state(breaker) == "open"
    assert breaker.admit() is None
    assert breaker.wait_s() == 1.0
    assert breaker.last_failure == "boom"


def test_one_trial_goes_after_the_pause_and_its_success_closes_the_circuit(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now_s = 1.0
    assert state(breaker) == "half_open"
    trial = admitted(breaker)
    assert breaker.admit() is None
    assert breaker.wait_s() == pytest.approx(0.1)
    breaker.succeeded(trial)
    assert state(breaker) == "closed"
    assert breaker.admit() is not None


def test_each_failed_trial_doubles_the_pause_up_to_its_limit(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    for pause in (2.0, 4.0, 4.0):
        clock.now_s += breaker.wait_s()
        fail(breaker)
        assert breaker.wait_s() == pause


def test_after_a_recovery_the_first_pause_is_the_short_one_again(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    fail(breaker, 3)
    clock.now_s += 1.0
    fail(breaker)
    clock.now_s += 2.0
    breaker.succeeded(admitted(breaker))
    fail(breaker, 3)
    assert breaker.wait_s() == 1.0


def test_a_trial_that_was_cancelled_may_be_made_again(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now_s = 1.0
    breaker.abandoned(admitted(breaker))
    assert state(breaker) == "half_open"
    breaker.succeeded(admitted(breaker))
    assert state(breaker) == "closed"


def test_calls_that_were_in_flight_when_it_opened_count_for_nothing(
    breaker: CircuitBreaker, clock: Clock
) -> None:
    stragglers = [admitted(breaker) for _ in range(3)]
    fail(breaker, 3)
    for straggler in stragglers[:2]:
        breaker.failed(straggler, "late")
    breaker.succeeded(stragglers[2])
    assert state(breaker) == "open"
    assert breaker.wait_s() == 1.0
    clock.now_s = 1.0
    assert admitted(breaker) != stragglers[0]
