"""The plain agent as a Ray actor, shared by many calls at once; Ray adds a place to run and nothing else."""

from collections.abc import Mapping
from typing import Any

import ray
from pydantic import ValidationError
from ray.actor import ActorClass

from swe_ai_fleet.domain.outcome import Outcome
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.orchestrator.agents.answering import answer
from swe_ai_fleet.orchestrator.agents.kept_record import KeptRecord, OpenRecord
from swe_ai_fleet.orchestrator.agents.plain import plain_assignment, plain_task
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.orchestrator.agents.vllm_agent_base import VLLMAgentBase

MAX_CONCURRENCY = 256
"""Calls at work at once in one actor; further ones wait in it."""
MAX_PENDING = 1024
"""Calls that one caller may have under way; the next one raises ``PendingCallsLimitExceeded`` at once."""


class _VLLMAgentJob:
    """One agent in a process of its own. What it answers is acknowledged on the record before a call returns."""

    def __init__(
        self,
        nats_url: str,
        agent_id: str,
        role: str,
        vllm_url: str,
        model: str,
        temperature: float = 0.7,
        max_tokens: int = 2000,
        *,
        seed: int | None = None,
        nats: NatsOptions | None = None,
        open_record: OpenRecord | None = None,
    ) -> None:
        """Check the arguments; connections are opened by the first call.

        Args:
            nats_url: ``nats://host:port`` or ``tls://host:port`` of the record.
            agent_id: as in :class:`VLLMAgentBase`, like every argument that is not named here.
            role: what it is for.
            vllm_url: the model server.
            model: as the server names it.
            temperature: without diversity.
            max_tokens: of one answer.
            seed: this agent's own.
            nats: credentials and limits of the connection to NATS; its ``url`` is replaced.
            open_record: opens another record than the one at ``nats_url``.

        Raises:
            InputError: an argument is not valid; it is named. The actor then dies, and is not restarted.
        """
        self._agent = VLLMAgentBase(
            agent_id, role, vllm_url, model, temperature=temperature, max_tokens=max_tokens, seed=seed
        )
        self._record = KeptRecord(open_record or _NatsRecord(_nats_options(nats_url, nats)))
        self._clock = SystemClock()

    @ray.method
    async def run_async(
        self,
        task_id: str,
        task: str,
        constraints: Mapping[str, Any],
        diversity: bool = False,  # noqa: FBT001, FBT002 - the users' contract
        *,
        deliberation_id: str | None = None,
        num_agents: int = 1,
        attempt: int = 1,
    ) -> Outcome:
        """Answer a task and put the answer on the record, as ``proposed`` or ``agent_failed``.

        An agent answers a deliberation once: repeating the call gives the answer that is on the record, and with
        ``attempt`` above 1 the model is not asked again for it. Cancelling the call reaches the model server.

        Args:
            task_id: the caller's name for the task.
            task: what is wanted.
            constraints: see :func:`~swe_ai_fleet.orchestrator.agents.plain.plain_task`.
            diversity: see :meth:`VLLMAgentBase.generate_proposal`.
            deliberation_id: under which it is recorded; ``task_id`` where it is None.
            num_agents: how many agents the caller asks in this deliberation; recorded with the answer.
            attempt: which try of this call it is.

        Raises:
            InputError: the task or a constraint is not valid.
            RecordError: what came of it could not be recorded.
        """
        wanted = plain_task(task, constraints, task_id=task_id)
        assignment = plain_assignment(
            wanted,
            self._agent.diverse() if diversity else self._agent.spec,
            deliberation_id=deliberation_id or task_id,
            task_id=task_id,
            num_agents=num_agents,
            max_tokens=self._agent.max_tokens,
            now=self._clock.now(),
        ).model_copy(update={"attempt": attempt})
        record = await self._record.get()
        return await answer(self._agent, assignment, events=record.events, clock=self._clock)

    @ray.method
    async def close(self) -> None:
        """Give back the connections; nothing may be asked afterwards."""
        await self._give_back()

    async def __ray_shutdown__(self) -> None:
        await self._give_back()

    async def _give_back(self) -> None:
        await self._agent.close()
        await self._record.close()


_ACTOR_OPTIONS: dict[str, Any] = {
    "num_cpus": 0.1,
    "max_concurrency": MAX_CONCURRENCY,
    "max_pending_calls": MAX_PENDING,
    "max_restarts": 3,
    "max_task_retries": 0,
}
VLLMAgentJob: ActorClass[_VLLMAgentJob] = ray.remote(**_ACTOR_OPTIONS)(_VLLMAgentJob)
"""``VLLMAgentJob.remote(nats_url=..., agent_id=..., role=..., vllm_url=..., model=...)``, then ``run_async.remote``.

Calls are never repeated by Ray: a call that is lost with its actor may have been recorded, so the caller looks there.
"""


class _NatsRecord:
    """Opens the record on NATS; picklable."""

    def __init__(self, options: NatsOptions) -> None:
        self._options = options

    def __call__(self) -> Any:
        from swe_ai_fleet.messaging.nats_record import open_nats_record  # noqa: PLC0415 - only where it is used

        return open_nats_record(self._options)


def _nats_options(url: str, options: NatsOptions | None) -> NatsOptions:
    given = {} if options is None else {name: getattr(options, name) for name in NatsOptions.model_fields}
    try:
        return NatsOptions.model_validate({**given, "url": url})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(
            "nats_url", url, first["msg"], "Give nats://host:port or tls://host:port."
        ) from error
