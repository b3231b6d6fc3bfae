"""The simulated server itself: what tests and benchmarks rest on."""

import asyncio
import json
import sys
from typing import Any

import aiohttp
import pytest
from jsonschema import validate

from swe_ai_fleet.models.simulated import Fault, FaultPlan, Reply, SimulatedModelServer, Traits

VERDICT: dict[str, Any] = {
    "$defs": {
        "Remark": {
            "type": "object",
            "properties": {
                "verdict": {"enum": ["accept", "revise", "reject"]},
                "score": {"type": "number", "minimum": 0, "maximum": 1},
                "defects": {"type": "array", "items": {"type": "string", "maxLength": 40}, "maxItems": 3},
                "line": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
                "kind": {"const": "remark"},
            },
            "required": ["verdict", "score", "defects", "line", "kind"],
            "additionalProperties": False,
        }
    },
    "type": "object",
    "properties": {
        "remarks": {"type": "array", "items": {"$ref": "#/$defs/Remark"}, "minItems": 2},
        "sure": {"type": "boolean"},
        "above": {"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 6},
        "why": {"allOf": [{"type": "string"}, {"minLength": 50}]},
    },
    "required": ["remarks", "sure", "above", "why"],
    "additionalProperties": False,
}


async def post(server: SimulatedModelServer, content: str = "why?", **fields: Any) -> Any:
    body = {"model": "m", "messages": [{"role": "user", "content": content}], **fields}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/chat/completions", json=body) as response,
    ):
        return await response.json()


async def metrics(server: SimulatedModelServer) -> dict[str, float]:
    url = server.url.removesuffix("/v1") + "/metrics"
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        lines = [line for line in (await response.text()).splitlines() if not line.startswith("#")]
    return {line.partition("{")[0]: float(line.rpartition(" ")[2]) for line in lines}


def text_of(answer: Any) -> str:
    return str(answer["choices"][0]["message"]["content"])


async def test_what_it_says_says_that_it_is_simulated_and_has_the_length_it_was_set_to(
    server: SimulatedModelServer,
) -> None:
    server.traits = Traits(answer_tokens=256, reasoning_tokens=32)
    answer = await post(server, logprobs=True)
    assert text_of(answer).startswith("Simulated answer")
    assert len(text_of(answer)) == 1024
    assert answer["usage"]["completion_tokens"] == 256 + 32
    assert len(answer["choices"][0]["logprobs"]["content"]) == 256
    assert "simulate" in answer["choices"][0]["message"]["reasoning"].lower()


async def test_the_same_seed_and_request_give_the_same_answer_and_others_another() -> None:
    answers = []
    for seed in (1, 1, 2):
        async with SimulatedModelServer(seed=seed) as server:
            answers.append(text_of(await post(server)))
            answers.append(text_of(await post(server, seed=9)))
    assert answers[:2] == answers[2:4]
    assert len(set(answers)) == 4


@pytest.mark.parametrize("seed", range(20))
async def test_structured_answers_are_instances_of_their_schema(
    server: SimulatedModelServer, seed: int
) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "v", "schema": VERDICT}}
    answer = await post(server, seed=seed, response_format=wanted)
    validate(json.loads(text_of(answer)), VERDICT)


async def test_a_script_answers_by_a_part_of_the_prompt_or_by_a_function(
    server: SimulatedModelServer,
) -> None:
    server.script = {"colour": "blue", "cut": Reply(text="half", finish_reason="length")}
    assert text_of(await post(server, "which colour?")) == "blue"
    assert (await post(server, "cut!"))["choices"][0]["finish_reason"] == "length"
    assert text_of(await post(server, "anything else")).startswith("Simulated answer")
    server.script = lambda request: f"{request.number}: {request.prompt}"
    assert text_of(await post(server, "hello")) == "4: <|user|>hello\n"


async def test_shared_prefixes_are_counted_in_whole_blocks_without_the_last_token(
    server: SimulatedModelServer,
) -> None:
    common = "x" * 64 * 10
    answers = [await post(server, common + tail) for tail in ("a", "b", "b")]
    cached = [answer["usage"]["prompt_tokens_details"]["cached_tokens"] for answer in answers]
    assert cached == [0, 160, 160]
    seen = await metrics(server)
    assert seen["vllm:prefix_cache_hits_total"] == 320
    assert seen["vllm:prefix_cache_queries_total"] == seen["vllm:prompt_tokens_total"]


async def test_a_stream_says_the_same_as_a_whole_answer(server: SimulatedModelServer) -> None:
    server.script = lambda _: Reply(text="some words, streamed", reasoning="a thought")
    server.traits = Traits(tokens_per_s=1000.0)
    parts: list[Any] = []
    body = {
        "messages": [{"role": "user", "content": "x"}],
        "stream": True,
        "logprobs": True,
        "stream_options": {"include_usage": True},
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/chat/completions", json=body) as response,
    ):
        lines = [line async for line in response.content if line.strip()]
    assert lines[-1] == b"data: [DONE]\n"
    parts = [json.loads(line.removeprefix(b"data: ")) for line in lines[:-1]]
    deltas = [part["choices"][0]["delta"] for part in parts if part["choices"]]
    assert "".join(delta.get("content") or "" for delta in deltas) == "some words, streamed"
    assert "".join(delta.get("reasoning") or "" for delta in deltas) == "a thought"
    assert parts[-1]["usage"]["completion_tokens"] == 5 + 3


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b'{"messages": []}', b'{"messages": [1]}', b'{"messages": [{"role": "user"}]}'],
)
async def test_what_is_no_chat_completion_is_refused(server: SimulatedModelServer, body: bytes) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/chat/completions", data=body) as response,
    ):
        assert response.status == 400
        assert (await response.json())["error"]["param"] in {"body", "messages"}


def test_a_fault_plan_draws_the_same_faults_from_the_same_seed_in_the_share_it_says() -> None:
    plan = FaultPlan(share=0.3, kinds=(Fault.HANG, Fault.SERVER_ERROR), at={7: Fault.EMPTY})
    drawn = [plan.fault(number, seed=4) for number in range(1, 2001)]
    assert drawn == [plan.fault(number, seed=4) for number in range(1, 2001)]
    assert drawn != [plan.fault(number, seed=5) for number in range(1, 2001)]
    assert drawn[6] is Fault.EMPTY
    assert 0.25 < sum(fault is not None for fault in drawn) / 2000 < 0.35
    assert {Fault.HANG, Fault.SERVER_ERROR} < set(drawn)
    assert FaultPlan().fault(1, seed=4) is None


async def test_it_counts_who_is_open_and_who_gave_up(server: SimulatedModelServer) -> None:
    server.traits = Traits(first_token_s=60.0)
    calls = [asyncio.create_task(post(server)) for _ in range(3)]
    await server.until(lambda counts: counts.open == 3)
    calls[0].cancel()
    assert (await server.until(lambda counts: counts.aborted == 1)).open == 2
    for call in calls:
        call.cancel()
    await server.until(lambda counts: counts.aborted == 3)
    assert (await metrics(server))["simulated:aborted_total"] == 3


async def test_it_runs_as_a_process_that_prints_its_url_and_ends_when_told() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "swe_ai_fleet.models.simulated", "--seed", "3"),
        *("--traits", '{"answer_tokens": 20}', "--faults", '{"at": {"2": "server_error"}}'),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    url = (await process.stdout.readline()).decode().strip()
    async with aiohttp.ClientSession() as session:
        statuses = []
        for _ in range(2):
            body = {"messages": [{"role": "user", "content": "x"}]}
            async with session.post(f"{url}/chat/completions", json=body) as response:
                statuses.append(response.status)
    process.terminate()
    assert await process.wait() == 0
    assert statuses == [200, 500]
