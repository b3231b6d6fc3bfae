"""The only file that names every adapter: settings in, a running fleet out."""

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.events import Requested
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.execution.admission import AdmittedAgentPool
from swe_ai_fleet.execution.in_process import InProcessAgentPool
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.models.model_id import ModelId
from swe_ai_fleet.models.registry import ModelRegistry
from swe_ai_fleet.orchestrator.agents.fallback_agent import FallbackAgent
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.orchestrator.agents.vllm_agent_base import VLLMAgentBase
from swe_ai_fleet.orchestrator.usecases.cancel_async import CancelAsync
from swe_ai_fleet.orchestrator.usecases.deliberate_async_usecase import DeliberateAsync
from swe_ai_fleet.orchestrator.usecases.requesting import new_deliberation_id, request_deliberation
from swe_ai_fleet.ports.agents import Agent, AgentPool
from swe_ai_fleet.ports.cells import CellRunner
from swe_ai_fleet.ports.checks import CheckRunner, Sandbox, Workspaces
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.health import EndpointReport, ReportsHosts
from swe_ai_fleet.ports.record import Record
from swe_ai_fleet.sandbox.cells import SandboxCellRunner
from swe_ai_fleet.sandbox.check_runner import SandboxCheckRunner
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.sandbox.selection import choose_sandbox
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces
from swe_ai_fleet.settings import Settings, nats_of_this_node
from swe_ai_fleet.telemetry.starting import start_telemetry
from swe_ai_fleet.tracing.spans import current_span

_WELL_FOR_S = 30.0
"""A model server that answered so recently is not asked again whether it does."""


class AgentBuilder:
    """Builds agents in the process where they work; a pickled builder starts anew there.

    All agents of one builder share the connections, limits and breakers of their model servers.
    """

    def __init__(self, settings: Settings) -> None:
        """Nothing is connected yet."""
        self._settings = settings
        self._registry = ModelRegistry(settings.providers(), retry=settings.retry)

    def __reduce__(self) -> tuple[Any, ...]:
        return (_builder_elsewhere, (self._settings,))

    def reports(self) -> list[EndpointReport]:
        """How the model servers of its agents stand, as this process sees them."""
        return self._registry.reports()

    def __call__(self, spec: AgentSpec) -> Agent:
        """The agent of a declaration; several in a fallback order where its model id names several.

        Raises:
            InputError: of the field ``model``.
        """
        agents = [self._link(spec, group, is_last=is_last) for group, is_last in self._groups(spec)]
        return agents[0] if len(agents) == 1 else FallbackAgent(agents)

    def _groups(self, spec: AgentSpec) -> list[tuple[list[ModelId], bool]]:
        """The fallback order, with neighbouring model servers as one group: their fallback is the client's."""
        groups: list[list[ModelId]] = []
        for link in self._registry.split(spec.model):
            if groups and not link.is_offline and not groups[-1][-1].is_offline:
                groups[-1].append(link)
            else:
                groups.append([link])
        return [(group, group is groups[-1]) for group in groups]

    def _link(self, spec: AgentSpec, group: Sequence[ModelId], *, is_last: bool) -> Agent:
        if group[0].is_offline:
            return _offline_agent(group[0], spec, self._settings)
        chain = "|".join(str(link) for link in group)
        provider = next(p for p in self._registry.providers if p.name == group[0].provider)
        return VLLMAgentBase(
            spec.agent_id,
            spec.role,
            provider.url,
            group[0].model,
            temperature=spec.temperature,
            max_tokens=self._settings.agents.max_tokens,
            seed=spec.seed,
            variant=spec.variant,
            client=self._registry.client(chain, has_successor=not is_last),
        )


def _builder_elsewhere(settings: Settings) -> AgentBuilder:
    """As an actor has it, in its own process."""
    start_telemetry(settings.telemetry)
    return AgentBuilder(settings)


def _offline_agent(link: ModelId, spec: AgentSpec, settings: Settings) -> Agent:
    from swe_ai_fleet.orchestrator.agents.repair_agent import RepairAgent

    if link.model != "repair":
        raise InputError(
            "model", str(link), "there is no such offline agent", "The one there is: offline:repair."
        )
    return RepairAgent(spec, sandbox=build_sandbox(settings), workspaces=build_workspaces(settings))


def build_sandbox(settings: Settings) -> Sandbox:
    """The strongest sandbox of this machine that the settings allow.

    Raises:
        SandboxUnavailableError: nothing strong enough.
    """
    return choose_sandbox(settings.sandbox)


def build_workspaces(settings: Settings) -> Workspaces:
    """Copies of repositories, cached in the data folder."""
    return GitWorkspaces(settings.data_dir / "repositories")


def build_check_runner(settings: Settings) -> CheckRunner:
    """What runs checks in the process where it is built."""
    return SandboxCheckRunner(sandbox=build_sandbox(settings), workspaces=build_workspaces(settings))


def build_cell_runner(settings: Settings, *, concurrency: int | None = None) -> CellRunner:
    """What runs functions in the process where it is built; one for each CPU where ``concurrency`` is None."""
    return SandboxCellRunner(build_sandbox(settings), concurrency=concurrency or settings.sandbox.concurrency)


def _check_runner_elsewhere(settings: Settings) -> CheckRunner:
    """As a worker of the cluster has it, in its own process."""
    start_telemetry(settings.telemetry)
    return build_check_runner(settings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """A running fleet."""

    settings: Settings
    record: Record
    clock: Clock
    deliberate: DeliberateAsync
    cancel: CancelAsync
    registry: ModelRegistry
    admitted: AdmittedAgentPool
    """Through which every agent call goes."""
    hosts: ReportsHosts
    """The processes in which agents work."""

    async def request(
        self,
        task: Task,
        *,
        deliberation_id: str | None = None,
        seed: int | None = None,
        models: Sequence[str] = (),
        relative_to: Path,
        traceparent: str | None = None,
    ) -> tuple[Requested, tuple[str, ...]]:
        """The first event of a deliberation, and what should be noted of it; nothing is recorded yet.

        Args:
            task: what is wanted.
            deliberation_id: an idempotency key; a fresh one where it is left out.
            seed: of everything that is drawn; a fresh one where it is left out.
            models: model ids, dealt to the agents in turn; the configured ones where it is empty.
            relative_to: the folder from which ``task.repo`` is meant.
            traceparent: W3C trace context of the caller, where no span is around this call.

        Raises:
            InputError: the repository or a model is not as it has to be.
            UnreachableError: no model of a fallback order answers.
            BudgetError: the budget cannot hold the council.
        """
        chosen = tuple(models) or self.settings.default_models()
        for model in dict.fromkeys(chosen):
            await self.registry.probe_one_of(model, known_for_s=_WELL_FOR_S)
        repo = None if task.repo is None else await resolve_repo(task.repo, relative_to=relative_to)
        requested, notes = request_deliberation(
            task,
            deliberation_id=deliberation_id or new_deliberation_id(task),
            models=chosen,
            repo=repo,
            seed=secrets.randbelow(2**31) if seed is None else seed,
            now=self.clock.now(),
            max_tokens=self.settings.agents.max_tokens,
            traceparent=current_span().traceparent or traceparent,
        )
        return requested, (*notes, *_containment_notes(self.settings, task))


def _containment_notes(settings: Settings, task: Task) -> tuple[str, ...]:
    if task.repo is None or not settings.sandbox.allow_weak:
        return ()
    containment = build_sandbox(settings).containment
    return (f"untrusted code is held by: {containment}",) if containment in _WEAK else ()


_WEAK = ("none", "seatbelt")


class _Workplace(AgentPool, ReportsHosts, Protocol):
    """Both pools."""


@asynccontextmanager
async def open_fleet(settings: Settings) -> AsyncIterator[Fleet]:
    """A fleet whose every server has an address; see :func:`swe_ai_fleet.local.embedded.open_embedded`.

    Raises:
        UnreachableError: NATS or Ray does not answer.
        PlacementError: no node of the Ray cluster can host the agents.
    """
    clock, builder = SystemClock(), AgentBuilder(settings)
    async with AsyncExitStack() as stack:
        record = await stack.enter_async_context(open_nats_record(settings.nats))
        agents, checks, cells = await _workplaces(stack, settings, builder, record, clock)
        registry = ModelRegistry(settings.providers(), retry=settings.retry)
        stack.push_async_callback(registry.close)
        admitted = AdmittedAgentPool(agents, settings.admission, clock=clock)
        deliberate = DeliberateAsync(
            agents=admitted,
            checks=checks,
            cells=cells,
            workspaces=build_workspaces(settings),
            events=record.events,
            snapshots=record.snapshots,
            reliability=record.reliability,
            clock=clock,
            max_tokens=settings.agents.max_tokens,
        )
        yield Fleet(
            settings=settings,
            record=record,
            clock=clock,
            deliberate=deliberate,
            cancel=CancelAsync(events=record.events, queue=record.commands, clock=clock),
            registry=registry,
            admitted=admitted,
            hosts=agents,
        )


@asynccontextmanager
async def _open_record_of_node(driver: NatsOptions) -> AsyncIterator[Record]:
    """The record as an actor opens it, in its own process on its own node."""
    async with open_nats_record(nats_of_this_node(driver)) as record:
        yield record


async def _workplaces(
    stack: AsyncExitStack, settings: Settings, builder: AgentBuilder, record: Record, clock: Clock
) -> tuple[_Workplace, CheckRunner, CellRunner]:
    """Where agents, checks and cells work: on Ray, or in this process."""
    if not settings.ray.enabled:
        pool = InProcessAgentPool.open(build_agent=builder, events=record.events, clock=clock)
        here = await stack.enter_async_context(pool)
        return here, build_check_runner(settings), build_cell_runner(settings)
    from swe_ai_fleet.execution.ray_cells import RayCellRunner
    from swe_ai_fleet.execution.ray_checks import RayCheckRunner
    from swe_ai_fleet.execution.ray_pool import RayAgentPool

    ray_pool = RayAgentPool.open(
        settings.ray,
        build_agent=builder,
        open_record=partial(_open_record_of_node, settings.nats),
        events=record.events,
        clock=clock,
    )
    agents = await stack.enter_async_context(ray_pool)
    checks = RayCheckRunner(settings.ray, build=partial(_check_runner_elsewhere, settings))
    build_cells = partial(build_cell_runner, settings, concurrency=1)
    return agents, checks, RayCellRunner(settings.ray, build=build_cells)
