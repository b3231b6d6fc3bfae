"""What a worker tells Prometheus and its orchestrator."""

import asyncio
from datetime import timedelta
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families
from story import T0, Story
from told import whole_story

from swe_ai_fleet.cli.health import open_health
from swe_ai_fleet.cli.metrics import Metrics, Standing
from swe_ai_fleet.domain.check import CheckStatus
from swe_ai_fleet.errors import RecordUnavailableError
from swe_ai_fleet.ports.health import BreakerState, EndpointReport, HostReport


def samples(metrics: Metrics, standing: Standing | None = None) -> dict[str, float]:
    return {
        "".join([sample.name, *(f" {value}" for value in sample.labels.values())]): sample.value
        for family in text_string_to_metric_families(metrics.text(standing or Standing(pending=3)).decode())
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }


def test_an_ended_deliberation_is_counted() -> None:
    metrics = Metrics(since=T0)
    for event in whole_story():
        metrics.observe(event)
    found = samples(metrics)
    assert found["fleet_deliberations_total decided"] == 1
    assert found["fleet_agents_total answered"] == 3
    assert found["fleet_agents_total refused"] == 1
    assert found["fleet_tokens_total completion"] == 2070
    assert found["fleet_deliberation_seconds_count"] == 1
    assert found["fleet_deliberations_running"] == 0


def test_history_that_is_read_again_is_not_counted() -> None:
    metrics = Metrics(since=T0 + timedelta(days=1))
    for event in whole_story():
        metrics.observe(event)
    assert "fleet_deliberations_total decided" not in samples(metrics)


def test_what_is_under_way_is_a_gauge() -> None:
    metrics = Metrics(since=T0)
    for event in whole_story()[:5]:
        metrics.observe(event)
    assert samples(metrics)["fleet_deliberations_running"] == 1


def test_checks_that_a_limit_ended_are_counted() -> None:
    metrics = Metrics(since=T0)
    event = Story().checked(0, passed=False)
    for status, exit_code in ((CheckStatus.TIMEOUT, None), (CheckStatus.FAILED, 1), (CheckStatus.PASSED, 0)):
        result = event.report.results[0].model_copy(update={"exit_code": exit_code, "status": status})
        report = event.report.model_copy(update={"results": (result,)})
        metrics.observe(event.model_copy(update={"report": report}))
    found = {name: value for name, value in samples(metrics).items() if name.startswith("fleet_sandbox")}
    assert found == {"fleet_sandbox_kills_total timeout": 1}


def test_the_queue_and_the_retries_are_read_when_asked() -> None:
    retries = iter([2, 5])
    metrics = Metrics(since=T0, publish_retries=lambda: next(retries))
    assert samples(metrics)["fleet_publish_retries_total"] == 2
    found = samples(metrics)
    assert (found["fleet_publish_retries_total"], found["fleet_queue_pending"]) == (5, 3)


def endpoint(breaker: BreakerState = "closed", **counts: Any) -> EndpointReport:
    told = {"in_flight": 2, "waiting": 1, "succeeded": 5, "failed": {"timeout": 1}, "retries": 3, "hedges": 0}
    return EndpointReport(model="vllm:tiny", breaker=breaker, **{**told, **counts})


def hosts(*endpoints: EndpointReport) -> Standing:
    return Standing(
        hosts=[
            HostReport(host=f"actor-{number}", endpoints=(each,), publish_retries=4)
            for number, each in enumerate(endpoints)
        ],
        running={"DEV": 6},
        waiting=7,
    )


def test_what_actors_tell_is_added_up() -> None:
    metrics = Metrics(since=T0, publish_retries=lambda: 1)
    found = samples(metrics, hosts(endpoint(), endpoint("open")))
    assert {name: value for name, value in found.items() if name.startswith("fleet_model")} == {
        "fleet_model_breakers vllm:tiny closed": 1,
        "fleet_model_breakers vllm:tiny open": 1,
        "fleet_model_breakers vllm:tiny half_open": 0,
        "fleet_model_in_flight vllm:tiny": 4,
        "fleet_model_waiting vllm:tiny": 2,
        "fleet_model_calls_total vllm:tiny ok": 10,
        "fleet_model_calls_total vllm:tiny timeout": 2,
        "fleet_model_retries_total vllm:tiny": 6,
        "fleet_model_hedges_total vllm:tiny": 0,
    }
    assert found["fleet_publish_retries_total"] == 9
    assert (found["fleet_agent_calls_running DEV"], found["fleet_agent_calls_waiting"]) == (6, 7)


def test_counts_of_an_actor_that_began_anew_go_on() -> None:
    metrics = Metrics(since=T0)
    samples(metrics, hosts(endpoint(succeeded=5)))
    samples(metrics, hosts(endpoint(succeeded=8)))
    samples(metrics, hosts())
    found = samples(metrics, hosts(endpoint(succeeded=2)))
    assert found["fleet_model_calls_total vllm:tiny ok"] == 10


async def test_health_follows_the_record_and_the_stop() -> None:
    is_away = False
    stop = asyncio.Event()

    async def pending() -> int:
        if is_away:
            raise RecordUnavailableError("NATS is away")
        return 3

    metrics = Metrics(since=T0)
    async with (
        open_health(host="127.0.0.1", port=0, metrics=metrics, pending=pending, stop=stop) as address,
        aiohttp.ClientSession() as session,
    ):

        async def ask(path: str) -> tuple[int, str]:
            async with session.get(address + path) as answer:
                return answer.status, (await answer.text()).strip()

        assert await ask("/livez") == (200, "alive")
        assert await ask("/readyz") == (200, "ready")
        assert "fleet_queue_pending 3.0" in (await ask("/metrics"))[1]
        is_away = True
        assert await ask("/readyz") == (503, "NATS is away")
        assert await ask("/livez") == (200, "alive")
        assert "fleet_queue_pending NaN" in (await ask("/metrics"))[1]
        is_away = False
        stop.set()
        assert await ask("/readyz") == (503, "stopping")
        assert (await ask("/nothing"))[0] == 404
