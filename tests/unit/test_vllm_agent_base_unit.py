"""The plain agent: what it asks, what it makes of answers, and that it stands alone."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from assignments import assignment, code_brief, critique_step, proposal, revise_step, spec

from swe_ai_fleet.domain.brief import CritiqueStep, ProposeStep
from swe_ai_fleet.errors import (
    InputError,
    ModelRequestError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnreachableError,
)
from swe_ai_fleet.models.simulated.faults import Fault, FaultPlan
from swe_ai_fleet.models.simulated.request import ChatRequest, Reply
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits
from swe_ai_fleet.orchestrator.agents.parsing import UnusableAnswerError
from swe_ai_fleet.orchestrator.agents.vllm_agent_base import VLLMAgentBase

ROOT = Path(__file__).parents[2]

WITHOUT_RAY_AND_NATS = """
import asyncio, importlib.abc, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"ray", "nats", "structlog", "swe_ai_fleet.messaging"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.orchestrator.agents.vllm_agent_base import VLLMAgentBase

async def main():
    async with SimulatedModelServer(script={"risks": "Three."}) as server:
        agent = VLLMAgentBase("dev-1", "DEV", server.url, "simulated")
        proposal = await agent.generate_proposal("Name the risks.", {})
        await agent.close()
        print(proposal.content, sorted({"ray", "nats"} & set(sys.modules)))

asyncio.run(main())
"""


class Heard:
    """A script that keeps what it was asked and answers with the given texts in turn, the last one for ever."""

    def __init__(self, *replies: str | Reply) -> None:
        self.requests: list[ChatRequest] = []
        self._replies = replies

    def __call__(self, request: ChatRequest) -> str | Reply:
        self.requests.append(request)
        return self._replies[min(len(self.requests), len(self._replies)) - 1]

    @property
    def last(self) -> dict[str, Any]:
        return self.requests[-1].body


@pytest.fixture
async def server() -> AsyncIterator[SimulatedModelServer]:
    async with SimulatedModelServer() as server:
        yield server


@pytest.fixture
async def agent(server: SimulatedModelServer) -> AsyncIterator[VLLMAgentBase]:
    agent = VLLMAgentBase("dev-1", "DEV", server.url, "simulated")
    yield agent
    await agent.close()


def reviews(*labels: str, **fields: Any) -> str:
    review = {"verdict": "revise", "tenths": 3, "defects": ["off by one"], "suggestion": "use <=", **fields}
    return json.dumps(dict.fromkeys(labels, review))


def test_it_works_where_ray_and_nats_are_not_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT_RAY_AND_NATS],
        cwd=ROOT / "src",
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("Three. []\n", "")


async def test_a_plain_task_becomes_a_proposal(server: SimulatedModelServer, agent: VLLMAgentBase) -> None:
    server.script = heard = Heard(Reply(text="Use <=.", reasoning="Stock may equal it."))
    answer = await agent.generate_proposal("Fix it.", {"rubric": "small", "requirements": ["keep names"]})
    assert (answer.proposal_id, answer.role, answer.model) == ("dev-1.0", "DEV", "vllm:simulated")
    assert (answer.content, answer.reasoning) == ("Use <=.", "Stock may equal it.")
    assert answer.usage.requests == 1
    assert answer.usage.completion_tokens > 0
    assert answer.confidence is not None
    assert answer.confidence <= 0
    assert (heard.last["model"], heard.last["temperature"], heard.last["max_tokens"]) == (
        "simulated",
        0.7,
        2000,
    )
    prompt = heard.requests[0].prompt
    assert all(told in prompt for told in ("Fix it.", "small", "keep names"))


async def test_the_version_is_added_to_a_url_that_lacks_it(server: SimulatedModelServer) -> None:
    agent = VLLMAgentBase("dev-1", "DEV", server.url.removesuffix("/v1") + "/", "simulated")
    assert (await agent.generate_proposal("Fix it.", {})).content
    await agent.close()


async def test_an_answer_that_was_cut_says_so(server: SimulatedModelServer) -> None:
    server.script = Heard("word " * 100)
    agent = VLLMAgentBase("dev-1", "DEV", server.url, "simulated", max_tokens=10)
    assert (await agent.generate_proposal("Fix it.", {})).finish_reason == "length"
    await agent.close()


async def test_diversity_warms_the_temperature_and_changes_the_wording(
    server: SimulatedModelServer, agent: VLLMAgentBase
) -> None:
    server.script = heard = Heard("done")
    await agent.generate_proposal("Fix it.", {})
    await agent.generate_proposal("Fix it.", {}, diversity=True)
    plain, diverse = heard.requests
    assert diverse.body["temperature"] == pytest.approx(0.91)
    assert plain.prompt != diverse.prompt
    assert plain.prompt.split("# You")[0] == diverse.prompt.split("# You")[0]


@pytest.mark.parametrize(("given", "plain", "diverse"), [(-1.0, 0.0, 0.3), (1.9, 1.9, 2.0), (9.0, 2.0, 2.0)])
async def test_temperatures_are_clamped(
    server: SimulatedModelServer, given: float, plain: float, diverse: float
) -> None:
    agent = VLLMAgentBase("dev-1", "DEV", server.url, "simulated", temperature=given)
    assert (agent.temperature, agent.diverse().temperature) == (plain, diverse)
    await agent.close()


async def test_equal_agents_have_seeds_of_their_own(server: SimulatedModelServer) -> None:
    server.script = heard = Heard("done")
    for agent_id in ("dev-1", "dev-2", "dev-1"):
        agent = VLLMAgentBase(agent_id, "DEV", server.url, "simulated")
        await agent.generate_proposal("Fix it.", {})
        await agent.close()
    first, second, again = (request.body["seed"] for request in heard.requests)
    assert first != second
    assert first == again


@pytest.mark.parametrize(
    ("constraints", "field"),
    [
        ({"rubrik": "small"}, "constraints.rubrik"),
        ({"checks": [{"name": "tests"}]}, "task.checks.0.command"),
        ({"budget": {"seconds": -1}}, "task.budget.seconds"),
        ({"metadata": ["not", "a", "mapping"]}, "task.constraints.metadata"),
    ],
)
async def test_a_wrong_constraint_is_named(agent: VLLMAgentBase, constraints: Any, field: str) -> None:
    with pytest.raises(InputError) as raised:
        await agent.generate_proposal("Fix it.", constraints)
    assert raised.value.field == field


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"agent_id": "dev.1"}, "agent.agent_id"),
        ({"role": ""}, "agent.role"),
        ({"vllm_url": "localhost:8000"}, "vllm_url"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"model": ""}, "model"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], field: str) -> None:
    valid = {"agent_id": "dev-1", "role": "DEV", "vllm_url": "http://localhost:1", "model": "tiny"}
    with pytest.raises(InputError) as raised:
        VLLMAgentBase(**{**valid, **arguments})
    assert raised.value.field == field


async def test_every_proposal_is_reviewed_blindly(server: SimulatedModelServer, agent: VLLMAgentBase) -> None:
    server.script = heard = Heard(reviews("P1", "P2"))
    step = critique_step("ada", "bob")
    reviewed = await agent.critique(assignment(step), step)
    assert {critique.proposal_id for critique in reviewed.critiques} == {"ada.0", "bob.0"}
    assert {critique.reviewer_id for critique in reviewed.critiques} == {"dev-1"}
    assert reviewed.critiques[0].score == pytest.approx(0.3)
    assert heard.last["response_format"]["json_schema"]["schema"]["required"] == ["P1", "P2"]
    assert "ada" not in heard.requests[0].prompt


async def test_the_last_valid_object_counts(server: SimulatedModelServer, agent: VLLMAgentBase) -> None:
    text = f"First {reviews('P1', tenths=9)} no, rather ```json\n{reviews('P1', tenths=2)}\n``` {{oops"
    server.script = Heard(text)
    step = critique_step("ada")
    reviewed = await agent.critique(assignment(step), step)
    assert [critique.score for critique in reviewed.critiques] == [0.2]


@pytest.mark.parametrize(
    "broken",
    [
        "They all look fine to me.",
        reviews("P1"),
        reviews("P1", "P2", "P3"),
        reviews("P1", "P2", verdict="maybe"),
        reviews("P1", "P2", tenths=11),
        "{" * 7_000,
        '{"a":' * 1_500,
    ],
)
async def test_a_broken_review_is_repaired_once(
    server: SimulatedModelServer, agent: VLLMAgentBase, broken: str
) -> None:
    server.script = heard = Heard(broken, reviews("P1", "P2"))
    step = critique_step("ada", "bob")
    reviewed = await agent.critique(assignment(step), step)
    assert len(reviewed.critiques) == 2
    assert reviewed.usage.requests == 2
    assert [turn["role"] for turn in heard.last["messages"]] == ["system", "user", "assistant", "user"]


async def test_two_broken_reviews_are_an_honest_failure(
    server: SimulatedModelServer, agent: VLLMAgentBase
) -> None:
    server.script = Heard("no", "still no")
    step = critique_step("ada")
    with pytest.raises(UnusableAnswerError) as raised:
        await agent.critique(assignment(step), step)
    assert (raised.value.kind, raised.value.attempts, raised.value.usage.requests) == ("malformed", 2, 2)
    assert server.counts.requests == 2


async def test_a_revision_names_its_parent(server: SimulatedModelServer, agent: VLLMAgentBase) -> None:
    server.script = heard = Heard("return stock <= minimum")
    step = revise_step()
    revised = await agent.revise(assignment(step), step)
    assert (revised.proposal_id, revised.parent_id, revised.round) == ("dev-1.1", "dev-1.0", 1)
    prompt = heard.requests[0].prompt
    assert "return 5" in prompt
    assert "stock may equal the minimum" in prompt
    assert "dev-2" not in prompt


async def test_a_tester_proposes_checks(server: SimulatedModelServer, agent: VLLMAgentBase) -> None:
    server.script = heard = Heard("tests/test_new.py ...")
    asked = assignment(agent=spec("tester-1", role="QA", duty="test"), brief=code_brief())
    answer = await agent.propose(asked, ProposeStep())
    assert (answer.kind, answer.proposal_id) == ("checks", "tester-1.0")
    assert "Propose the checks" in heard.requests[0].prompt


async def test_a_prompt_beyond_the_context_is_shortened_once(server: SimulatedModelServer) -> None:
    description = "x" * 100_000
    heard = Heard("short enough")
    server.script = heard
    client = _ShortContext(server.url, context_tokens=8192)
    agent = VLLMAgentBase("dev-1", "DEV", server.url, "simulated", max_tokens=6000, client=client)
    answer = await agent.generate_proposal(description, {})
    assert answer.content == "short enough"
    assert len(heard.requests[0].prompt) < 8192 * 2.5
    assert heard.last["max_tokens"] == 4096
    assert client.rejected == 1
    await agent.generate_proposal(description, {})
    assert client.rejected == 1
    await agent.close()


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Fault.SERVER_ERROR, ModelServerError), (Fault.REJECTED, ModelRequestError)],
)
async def test_the_models_own_errors_pass_through(
    server: SimulatedModelServer, agent: VLLMAgentBase, fault: Fault, error: type[Exception]
) -> None:
    server.faults = FaultPlan.always(fault)
    with pytest.raises(error):
        await agent.generate_proposal("Fix it.", {"budget": {"seconds": 20}})


async def test_the_budget_bounds_the_call(server: SimulatedModelServer, agent: VLLMAgentBase) -> None:
    server.faults = FaultPlan.always(Fault.HANG)
    with pytest.raises(ModelTimeoutError):
        await agent.generate_proposal("Fix it.", {"budget": {"seconds": 0.2}})


async def test_nobody_at_the_address_is_unreachable() -> None:
    agent = VLLMAgentBase("dev-1", "DEV", "http://127.0.0.1:9", "simulated")
    with pytest.raises(ModelUnreachableError):
        await agent.generate_proposal("Fix it.", {})
    await agent.close()


async def test_cancelling_closes_the_connection(server: SimulatedModelServer, agent: VLLMAgentBase) -> None:
    server.traits = Traits(first_token_s=60)
    async with asyncio.timeout(10):
        asking = asyncio.ensure_future(agent.generate_proposal("Fix it.", {}))
        await server.until(lambda counts: counts.open == 1)
        asking.cancel()
        await server.until(lambda counts: counts.aborted == 1)
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_all_agents_of_a_deliberation_share_the_longest_prefix(server: SimulatedModelServer) -> None:
    server.script = heard = Heard(reviews("P1"))
    for index, role in enumerate(("DEV", "QA", "ARCHITECT", "DEVOPS", "DATA", "POET")):
        agent = VLLMAgentBase("a", role, server.url, "simulated")
        asked = spec(f"agent-{index}", role=role, variant=index)
        await agent.propose(assignment(agent=asked, brief=code_brief()), ProposeStep())
        step = CritiqueStep(proposals=(proposal("ada"),))
        await agent.critique(assignment(step, agent=asked, brief=code_brief()), step)
        await agent.close()
    common = {request.prompt.split("# You")[0] for request in heard.requests}
    assert len(common) == 1
    assert "def reorder_level" in common.pop()


class _ShortContext:
    """A client of a server that rejects long prompts as vLLM does."""

    def __init__(self, url: str, *, context_tokens: int) -> None:
        from swe_ai_fleet.models.openai_client import OpenAICompatibleClient
        from swe_ai_fleet.models.provider import Provider

        self._inner = OpenAICompatibleClient(Provider(name="vllm", base_url=url), "simulated")
        self._context_tokens = context_tokens
        self.rejected = 0

    async def complete(self, request: Any) -> Any:
        size = sum(len(turn.content) for turn in request.messages) / 2.5 + request.max_tokens
        if size > self._context_tokens:
            self.rejected += 1
            raise ModelRequestError("vllm:simulated", "too long", context_tokens=self._context_tokens)
        return await self._inner.complete(request)

    async def close(self) -> None:
        await self._inner.close()
