"""Prefix sharing on a real model server: how much of the prompts of a council it has to compute once only.

Between the fleet and the server stands a relay, which keeps the prompts in their order. The server's own tokenizer then
tells what could have been shared: of each prompt the longest beginning that an earlier prompt has too, in whole blocks.
"""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web
from pydantic import JsonValue

from swe_ai_fleet.bench.report import BenchReport, Figure, figure, report
from swe_ai_fleet.bench.surroundings import asking, bench_fleet, record_of_its_own, text_task

_BLOCK_TOKENS = 16
"""Of vLLM's prefix cache."""
_Block = tuple[int, int]
"""Where it begins, and a hash of everything up to its end."""
_OWN_PART = "\n\n# You\n\n"
"""Where the common part of the fleet's prompts ends."""
_DESCRIPTION_BYTES = 4000
_LIMIT_S = 3600.0


async def measure_prefix(
    *, url: str, model: str, agents: int = 8, rounds: int = 2, max_tokens: int = 64, repetitions: int = 2
) -> BenchReport:
    """Deliberate with prompts as the fleet writes them, and with prompts that begin with the role, in turn.

    Args:
        url: of a vLLM server that was started with ``--enable-prompt-tokens-details``, with ``/v1``.
        model: as the server names it.
        agents: of the council.
        rounds: passes of critique and revision.
        max_tokens: of one answer; few, for what is measured comes before it.
        repetitions: of both ways; every deliberation has a task of its own, so that nothing is shared between them.

    Raises:
        UnreachableError: the server does not answer.
    """
    runs: dict[bool, list[_Run]] = {False: [], True: []}
    seen: set[_Block] = set()
    async with record_of_its_own(use_ray=False) as settings:
        limits = settings.agents.model_copy(update={"max_tokens": max_tokens})
        brief = settings.model_copy(update={"agents": limits})
        for repetition in range(repetitions):
            for role_first in (False, True):
                async with open_relay(url, role_first=role_first) as relay:
                    run = _Run(relay=relay)
                    prefix = f"prefix-{repetition}-{int(role_first)}"
                    task = text_task(agents=agents, rounds=rounds, description_bytes=_DESCRIPTION_BYTES)
                    own = task.model_copy(update={"description": f"Case {prefix}. {task.description}"})
                    async with bench_fleet(
                        asking(brief, relay.url, model=model), own, prefix=prefix
                    ) as fleet:
                        began = time.perf_counter()
                        await fleet.deliberate()
                        run.seconds = time.perf_counter() - began
                    run.shareable = shareable_tokens(await _tokenized(url, model, relay.prompts), seen)
                    runs[role_first].append(run)
    told: dict[str, JsonValue] = {
        "agents": agents,
        "rounds": rounds,
        "max_tokens": max_tokens,
        "model": model,
    }
    return report("prefix", told, _figures(runs[False], runs[True]))


@dataclass(slots=True, kw_only=True)
class Relay:
    """What went through."""

    url: str = ""
    prompts: list[list[dict[str, str]]] = field(default_factory=list)
    """In the order in which they were sent."""
    prompt_tokens: int = 0
    cached_tokens: int = 0


@dataclass(slots=True, kw_only=True)
class _Run:
    relay: Relay
    seconds: float = 0.0
    shareable: int = 0

    @property
    def shared(self) -> float:
        """Of the tokens that could be."""
        return self.relay.cached_tokens / (self.shareable or 1)


def _figures(ours: Sequence[_Run], theirs: Sequence[_Run]) -> list[Figure]:
    return [
        figure(
            "cached prompt tokens / shareable", "%", [100 * run.shared for run in ours], aim="at least 95"
        ),
        figure("cached / all prompt tokens", "%", [100 * _cached(run.relay) for run in ours], digits=1),
        figure("the same, role first", "%", [100 * _cached(run.relay) for run in theirs], digits=1),
        figure("prompt tokens", "tokens", [float(run.relay.prompt_tokens) for run in ours], digits=0),
        figure("deliberation", "s", [run.seconds for run in ours]),
        figure("the same, role first", "s", [run.seconds for run in theirs]),
        figure(
            "role first / as it is, time",
            "",
            [run.seconds / other.seconds for run, other in zip(theirs, ours, strict=True)],
            aim="above 1",
        ),
    ]


def _cached(relay: Relay) -> float:
    return relay.cached_tokens / (relay.prompt_tokens or 1)


@asynccontextmanager
async def open_relay(url: str, *, role_first: bool) -> AsyncIterator[Relay]:
    """A server that passes requests on to the one at ``url``; ``role_first`` puts the common part of prompts last."""
    relay = Relay()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_LIMIT_S))
        )

        async def complete(request: web.Request) -> web.Response:
            body = await request.json()
            if role_first:
                body["messages"] = with_role_first(body["messages"])
            relay.prompts.append(body["messages"])
            async with session.post(f"{url}/chat/completions", json=body) as answered:
                answer = await answered.json()
            _count(relay, answer)
            return web.json_response(answer, status=answered.status)

        async def models(request: web.Request) -> web.Response:
            del request
            async with session.get(f"{url}/models") as answered:
                return web.json_response(await answered.json(), status=answered.status)

        app = web.Application(client_max_size=2**24)
        app.add_routes([web.post("/v1/chat/completions", complete), web.get("/v1/models", models)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        relay.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield relay


def with_role_first(messages: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """The same conversation as it is usually written: who the agent is, then what all are told."""
    system, user, *rest = messages
    common, mark, own = user["content"].partition(_OWN_PART)
    told = f"{own}\n\n{common}" if mark else common
    return [{"role": "user", "content": f"{told}\n\n{system['content']}"}, *rest]


def _count(relay: Relay, answer: dict[str, Any]) -> None:
    usage = answer.get("usage") or {}
    relay.prompt_tokens += usage.get("prompt_tokens", 0)
    relay.cached_tokens += (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0


async def _tokenized(url: str, model: str, prompts: Sequence[list[dict[str, str]]]) -> list[list[int]]:
    root = url.removesuffix("/v1")
    told: list[list[int]] = []
    async with aiohttp.ClientSession() as session:
        for messages in prompts:
            body = {"model": model, "messages": messages, "add_generation_prompt": True}
            async with session.post(f"{root}/tokenize", json=body) as answered:
                told.append((await answered.json())["tokens"])
    return told


def shareable_tokens(prompts: Sequence[Sequence[int]], seen: set[_Block]) -> int:
    """Tokens that need not be computed again, were everything kept; never a whole prompt, whose end must be run.

    ``seen`` is what the server has computed before, and takes in what it computes for these.
    """
    total = 0
    for tokens in prompts:
        blocks, chain = [], 0
        for start in range(0, len(tokens) - len(tokens) % _BLOCK_TOKENS, _BLOCK_TOKENS):
            chain = hash((chain, tuple(tokens[start : start + _BLOCK_TOKENS])))
            blocks.append((start, chain))
        common = next((place for place, block in enumerate(blocks) if block not in seen), len(blocks))
        total += min(common, (len(tokens) - 1) // _BLOCK_TOKENS) * _BLOCK_TOKENS
        seen.update(blocks)
    return total
