"""A council on a real vLLM server: valid reviews, counted tokens, a prefix that is computed once.

Start one, for example with a tiny model, and name its address and model:
``FLEET_TEST_VLLM_URL=http://127.0.0.1:18000 FLEET_TEST_VLLM_MODEL=tiny make test``.
"""

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from command_line import environment, started, swe_fleet
from nats_server import running_nats_server
from stored_events import stored

from swe_ai_fleet.domain.brief import Assignment, Brief, ProposeStep
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.orchestrator.agents.prompts import write_prompt
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.local,
    pytest.mark.nats,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]
AGENTS = 4
BLOCK = 16
"""Tokens of one block of vLLM's prefix cache; only whole blocks are shared."""
TASK = {
    "id": "quorum",
    "role": "ARCHITECT",
    "description": "Explain in one paragraph when a council of five agents should decide with three answers. "
    "Say what is lost when it waits for all of them, and what when it does not.",
    "constraints": {"rubric": "correct first, then short", "requirements": ["one paragraph", "no list"]},
    "council": {"agents": AGENTS, "rounds": 1, "judges": 0},
    "budget": {"seconds": 600},
}


@pytest.fixture
def server() -> str:
    url = os.environ.get("FLEET_TEST_VLLM_URL")  # noqa: TID251  # a setting of the tests, not of the fleet
    if not url:
        pytest.skip("needs a vLLM server: set FLEET_TEST_VLLM_URL (and FLEET_TEST_VLLM_MODEL)")
    return url.rstrip("/").removesuffix("/v1")


@pytest.fixture
def model() -> str:
    return os.environ.get("FLEET_TEST_VLLM_MODEL", "tiny")  # noqa: TID251  # as above


async def metric(server: str, name: str) -> float:
    """What the server counts under that name, all its models together."""
    async with aiohttp.ClientSession() as session, session.get(f"{server}/metrics") as response:
        lines = (await response.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


async def prefix_hits(server: str) -> float:
    """Prompt tokens that the server has taken from its prefix cache so far."""
    return await metric(server, "vllm:prefix_cache_hits_total")


async def until_running(server: str, *, at_least: int = 0, at_most: int = 10**6) -> None:
    """Wait until the server is at work on so many requests; it can only be asked, again and again."""
    async with asyncio.timeout(60):
        while not at_least <= await metric(server, "vllm:num_requests_running") <= at_most:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def shared_tokens(server: str, model: str, events: Sequence[Mapping[str, Any]]) -> int:
    """Tokens, in whole blocks, with which the prompts of all agents begin."""
    council = events[0]["data"]["council"]["agents"]
    specs = [AgentSpec.model_validate(agent) for agent in council]
    async with aiohttp.ClientSession() as session:
        prompts = []
        for spec in specs:
            body = {"model": model, "messages": [m.model_dump() for m in messages_of(spec)]}
            async with session.post(f"{server}/tokenize", json=body) as response:
                prompts.append((await response.json())["tokens"])
    same = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*prompts, strict=False)))
    return same // BLOCK * BLOCK


def messages_of(spec: AgentSpec) -> Any:
    assignment = Assignment(
        deliberation_id="d",
        task_id="quorum",
        num_agents=AGENTS,
        round=0,
        agent=spec,
        brief=Brief(task=Task.model_validate(TASK)),
        step=ProposeStep(),
        deadline=SystemClock().now(),
    )
    return write_prompt(assignment, role=spec.role, variant=spec.variant, labels=None, limit_bytes=None)


async def test_four_agents_and_one_round_of_critique(server: str, model: str, tmp_path: Path) -> None:
    settings = {"FLEET_MODELS__VLLM__URL": server, "FLEET_MODELS__VLLM__MODEL": model}
    task = tmp_path / "task.json"
    task.write_text(json.dumps(TASK))
    before = await prefix_hits(server)
    async with running_nats_server(tmp_path / "nats") as record:
        env = environment(tmp_path, FLEET_NATS__URL=record.url, **settings)
        ended = await swe_fleet("deliberate", str(task), "--json", "--id", "quorum", env=env)
        events = await stored(record.url)
    hits = await prefix_hits(server) - before
    assert ended.exit_code == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert not result["partial"], ended.stderr
    reviewed = [event["data"] for event in events if event["type"].endswith(".critiqued")]
    assert len(reviewed) == AGENTS
    assert all(len(data["critiques"]) == AGENTS - 1 for data in reviewed)

    usage = result["usage"]
    assert usage["requests"] >= 2 * AGENTS
    assert usage["prompt_tokens"] > usage["cached_tokens"] > 0
    assert usage["completion_tokens"] > 0

    shareable = await shared_tokens(server, model, events) * (usage["requests"] - 1)
    assert hits >= 0.9 * shareable > 0


async def test_a_cancelled_deliberation_leaves_no_request_running(
    server: str, model: str, tmp_path: Path
) -> None:
    settings = {
        "FLEET_MODELS__VLLM__URL": server,
        "FLEET_MODELS__VLLM__MODEL": model,
        "FLEET_AGENTS__MAX_TOKENS": "6000",
    }
    task = tmp_path / "task.json"
    task.write_text(json.dumps(TASK))
    async with running_nats_server(tmp_path / "nats") as record:
        env = environment(tmp_path, FLEET_NATS__URL=record.url, **settings)
        command = ("deliberate", str(task), "--no-ray", "--json", "--id", "unwanted")
        async with started(*command, env=env) as process:
            await until_running(server, at_least=AGENTS)
            assert (await swe_fleet("cancel", "unwanted", env=env)).exit_code == 0
            stdout, _ = await process.communicate()
            assert process.returncode == 3
        await until_running(server, at_most=0)
    assert json.loads(stdout)["outcome"] == "cancelled"
