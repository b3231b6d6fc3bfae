"""The report of throughput from rates that were measured different numbers of times."""

from swe_ai_fleet.bench import throughput


def test_every_way_is_held_against_the_bare_calls_and_the_usual_way() -> None:
    rates = {
        throughput.RAW: [100.0, 200.0, 100.0],
        throughput.IN_PROCESS: [50.0, 50.0, 60.0],
        "one worker process of its own": [40.0, 40.0, 40.0],
        "2 worker processes": [60.0, 80.0, 80.0],
        throughput.NEW_ACTORS: [0.5, 0.25],
    }
    told = {figure.name: figure.median for figure in throughput._figures(rates)}
    assert told[f"{throughput.IN_PROCESS} / raw calls"] == 0.5
    assert told["2 worker processes / one"] == 2.0
    assert told["fleet / a new actor for each agent"] == 150.0
