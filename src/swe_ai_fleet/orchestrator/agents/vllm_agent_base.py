"""The plain agent: a task in, a proposal out, over vLLM's OpenAI-compatible HTTP API.

It knows neither Ray nor NATS and works where neither is installed.
"""

import hashlib
from collections.abc import Awaitable, Mapping
from functools import partial
from typing import Any, Literal

from pydantic import ValidationError

from swe_ai_fleet.domain.brief import Assignment, CritiqueStep, JudgeStep, ProposeStep, ReviseStep
from swe_ai_fleet.domain.council import AgentSpec, derive_seed
from swe_ai_fleet.domain.outcome import Reviewed
from swe_ai_fleet.domain.proposal import Proposal, Usage, proposal_id
from swe_ai_fleet.domain.review import Critique, Showing
from swe_ai_fleet.errors import InputError, ModelTruncatedError
from swe_ai_fleet.orchestrator.agents.asking import ModelAsker
from swe_ai_fleet.orchestrator.agents.judging import VERDICT, judge_pairs
from swe_ai_fleet.orchestrator.agents.parsing import (
    UnreadableError,
    UnusableAnswerError,
    blind_labels,
    critique_form,
    read_critiques,
)
from swe_ai_fleet.orchestrator.agents.plain import input_error, plain_assignment, plain_task
from swe_ai_fleet.orchestrator.agents.prompts import write_prompt
from swe_ai_fleet.orchestrator.agents.roles import variant_of
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.findings import Findings
from swe_ai_fleet.ports.models import Completion, Message, ModelClient

_PROVIDER = "vllm"
_DIVERSE = 1.3
_LEAST_DIVERSE = 0.3
_REPAIRED_CHARS = 8000


class VLLMAgentBase:
    """One deliberating agent that asks one model; an :class:`~swe_ai_fleet.ports.agents.Agent`.

    It may be asked many things at once. It is bound to nothing until it is asked, and connects by itself.
    """

    def __init__(
        self,
        agent_id: str,
        role: str,
        vllm_url: str,
        model: str,
        temperature: float = 0.7,
        max_tokens: int = 2000,
        *,
        seed: int | None = None,
        variant: int = 0,
        priority: Literal["interactive", "batch"] = "interactive",
        client: ModelClient | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Name the agent and its model; nothing is connected yet.

        Args:
            agent_id: letters, digits, ``_`` and ``-``; unique among the agents of a deliberation.
            role: DEV, QA, ARCHITECT, DEVOPS, DATA or any other name.
            vllm_url: ``http(s)://host[:port][/path]``; ``/v1`` is added where the path holds no version. Several equal
                servers are joined by commas; each deliberation stays at one of them as long as it answers.
            model: as the server names it.
            temperature: clamped to [0, 2].
            max_tokens: limit on the output tokens of one answer, the thinking included.
            seed: this agent's own; derived from its id where it is None, so that equal agents differ.
            variant: which wording of the prompt it uses.
            priority: of its proposals; its reviews always go first, because others wait for them.
            client: asks the model instead of a client opened by URL; :meth:`close` closes either.
            clock: against which deadlines are read.

        Raises:
            InputError: an argument is not valid; it is named.
        """
        try:
            self.spec = AgentSpec(
                agent_id=agent_id,
                role=role,
                model=f"{_PROVIDER}:{model}",
                temperature=min(2.0, max(0.0, temperature)),
                seed=derive_seed(0, agent_id) if seed is None else seed,
                variant=variant,
            )
        except ValidationError as error:
            raise input_error(error, prefix="agent") from error
        if max_tokens < 1:
            raise InputError("max_tokens", max_tokens, "must be at least 1", "Leave it out for 2000.")
        self.vllm_url = vllm_url
        self.model = model
        self.max_tokens = max_tokens
        self._clock = clock or SystemClock()
        self._client = client or _open_client(vllm_url, model)
        self._asker = ModelAsker(self._client, clock=self._clock, max_tokens=max_tokens, priority=priority)

    @property
    def agent_id(self) -> str:
        """Unique among the agents of a deliberation."""
        return self.spec.agent_id

    @property
    def role(self) -> str:
        """What it is for."""
        return self.spec.role

    @property
    def temperature(self) -> float:
        """Of its answers without diversity, in [0, 2]."""
        return self.spec.temperature

    async def generate_proposal(
        self,
        task: str,
        constraints: Mapping[str, Any],
        diversity: bool = False,  # noqa: FBT001, FBT002
    ) -> Proposal:
        """Answer a task that is given in plain values.

        Args:
            task: what is wanted.
            constraints: see :func:`~swe_ai_fleet.orchestrator.agents.plain.plain_task`; may be empty. Its
                ``budget.seconds`` (120 by default) bounds the whole call.
            diversity: answer unlike one's peers: a higher temperature, at most 2, and a wording of one's own.

        Returns:
            The answer (``content``) apart from the model's thinking (``reasoning``), with the model that gave it,
            ``finish_reason`` ("length" where it was cut at ``max_tokens``), ``confidence`` (mean log-probability)
            and ``usage`` in tokens. ``proposal_id`` is ``<agent_id>.0``.

        Raises:
            InputError: the task or a constraint is not valid.
            ModelError: the model did not answer; the type says whether to retry.
        """
        digest = hashlib.sha256(task.encode("utf-8", "replace")).hexdigest()[:16]
        assignment = plain_assignment(
            plain_task(task, constraints),
            self.diverse() if diversity else self.spec,
            deliberation_id=digest,
            task_id=digest,
            num_agents=1,
            max_tokens=self.max_tokens,
            now=self._clock.now(),
        )
        return await self.propose(assignment, ProposeStep())

    def diverse(self) -> AgentSpec:
        """This agent's declaration, made to differ from that of its peers."""
        spec = self.spec
        warmer = min(2.0, max(_LEAST_DIVERSE, spec.temperature * _DIVERSE))
        return spec.model_copy(
            update={"temperature": warmer, "variant": spec.variant or variant_of(spec.seed)}
        )

    async def propose(
        self, assignment: Assignment, step: ProposeStep, _findings: Findings | None = None, /
    ) -> Proposal:
        """Answer the task, or propose checks where that is the agent's duty."""
        completion = await self._asker.ask(assignment, lambda limit: self._prompt(assignment, limit))
        return self._proposal(assignment, completion, parent=None)

    async def revise(self, assignment: Assignment, step: ReviseStep) -> Proposal:
        """Answer again; the proposal's ``parent_id`` names the one it builds on."""
        completion = await self._asker.ask(assignment, lambda limit: self._prompt(assignment, limit))
        return self._proposal(assignment, completion, parent=step.parent)

    async def critique(self, assignment: Assignment, step: CritiqueStep) -> Reviewed:
        """Review every proposal of ``step`` blindly, in an order that depends on the seed.

        An answer that is not of the demanded structure is sent back once. Where the reviews do not fit their tokens,
        for a model may fill a structure with blank space, they are asked for one by one.

        Raises:
            UnusableAnswerError: neither answer was usable; it carries what both cost.
            ModelError: the model did not answer.
        """
        labels = blind_labels(step.proposals, seed=derive_seed(assignment.agent.seed, assignment.round))
        try:
            return await self._review(assignment, labels)
        except ModelTruncatedError as cut:
            if len(labels) == 1:
                raise
            return await self._one_by_one(assignment, labels, cut)

    async def judge(self, assignment: Assignment, step: JudgeStep) -> Reviewed:
        """Say of every pair of ``step`` which text is better; see :func:`judge_pairs`."""

        def ask(showing: Showing) -> Awaitable[Completion]:
            prompt = partial(self._prompt, assignment, showing=showing)
            return self._asker.ask(assignment, prompt, VERDICT, turn=showing.turn)

        return await judge_pairs(step, ask, left_s=(assignment.deadline - self._clock.now()).total_seconds())

    async def _review(self, assignment: Assignment, labels: Mapping[str, Proposal]) -> Reviewed:
        first = await self._asker.ask(
            assignment, lambda limit: self._prompt(assignment, limit, labels), critique_form(list(labels))
        )
        try:
            critiques = read_critiques(first.text, labels, reviewer_id=assignment.agent.agent_id)
        except UnreadableError as problem:
            return await self._repair(assignment, labels, first, problem)
        return Reviewed(critiques=critiques, usage=first.usage)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _one_by_one(
        self, assignment: Assignment, labels: Mapping[str, Proposal], cut: ModelTruncatedError
    ) -> Reviewed:
        usage = Usage(requests=1, prompt_tokens=cut.prompt_tokens, completion_tokens=cut.completion_tokens)
        critiques: list[Critique] = []
        for label, proposal in labels.items():
            reviewed = await self._review(assignment, {label: proposal})
            critiques += reviewed.critiques
            usage += reviewed.usage
        return Reviewed(critiques=tuple(critiques), usage=usage)

    async def _repair(
        self,
        assignment: Assignment,
        labels: Mapping[str, Proposal],
        first: Completion,
        problem: UnreadableError,
    ) -> Reviewed:
        """Ask once more, with the answer that was not usable and what is wrong with it."""

        def write(limit: int | None) -> tuple[Message, ...]:
            ask = f"This is not what was asked for: {problem}. Answer again with the one JSON object alone."
            return (
                *self._prompt(assignment, limit, labels),
                Message(role="assistant", content=first.text[:_REPAIRED_CHARS]),
                Message(role="user", content=ask),
            )

        second = await self._asker.ask(assignment, write, critique_form(list(labels)))
        usage = first.usage + second.usage
        try:
            critiques = read_critiques(second.text, labels, reviewer_id=assignment.agent.agent_id)
        except UnreadableError as still:
            error = UnusableAnswerError(second.model, f"no usable review, twice: {problem}; then {still}")
            error.attempts = first.attempts + second.attempts
            error.usage = usage
            raise error from still
        return Reviewed(critiques=critiques, usage=usage)

    def _prompt(
        self,
        assignment: Assignment,
        limit: int | None,
        labels: Mapping[str, Proposal] | None = None,
        *,
        showing: Showing | None = None,
    ) -> tuple[Message, ...]:
        spec = assignment.agent
        return write_prompt(
            assignment,
            role=spec.role,
            variant=spec.variant,
            labels=labels,
            showing=showing,
            limit_bytes=limit,
        )

    def _proposal(
        self, assignment: Assignment, completion: Completion, *, parent: Proposal | None
    ) -> Proposal:
        spec = assignment.agent
        return Proposal(
            proposal_id=proposal_id(spec.agent_id, assignment.round),
            agent_id=spec.agent_id,
            role=spec.role,
            model=completion.model,
            round=assignment.round,
            kind="checks" if spec.duty == "test" else "answer",
            parent_id=None if parent is None else parent.proposal_id,
            content=completion.text,
            reasoning=completion.reasoning,
            finish_reason=completion.finish_reason,
            confidence=completion.mean_logprob,
            usage=completion.usage,
        )


def _open_client(urls: str, model: str) -> ModelClient:
    """A client of that server, or of several equal ones, with the fleet's retries, back-off and limits."""
    from swe_ai_fleet.models.provider import Provider  # noqa: PLC0415 - an agent that is given its client needs none
    from swe_ai_fleet.models.registry import ModelRegistry  # noqa: PLC0415

    try:
        provider = Provider(name=_PROVIDER, base_url=urls, sends_seed=True)
    except ValidationError as error:
        way_out = "Give http(s)://host[:port][/path], several joined by commas."
        raise InputError("vllm_url", urls, "is no address of a model server", way_out) from error
    return ModelRegistry([provider]).client(f"{_PROVIDER}:{model}")
