"""Embedded mode: what has no address is started on this machine, side by side, and stopped afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from swe_ai_fleet.errors import FleetError, InputError
from swe_ai_fleet.local.nats_server import NatsAddress, open_nats_server
from swe_ai_fleet.local.ray_cluster import open_ray_cluster
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.settings import WRITABLE_FOLDER, Settings

Progress = Callable[[str], None]


@asynccontextmanager
async def open_embedded(
    settings: Settings,
    *,
    use_ray: bool = True,
    progress: Progress | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> AsyncIterator[Settings]:
    """The settings with every address filled in.

    Args:
        settings: as the operator set them.
        use_ray: False where nothing is computed: to read the record, or with agents in this process.
        progress: told in a few words what is being started.
        meanwhile: done in a thread while the servers start, such as importing what will use them.

    Raises:
        InputError: the data folder cannot be written.
        UnreachableError: a server does not start, or NATS does not answer.
    """
    starts_nats = settings.nats.url is None
    starts_ray = use_ray and settings.ray.enabled and settings.ray.address is None
    if starts_ray and not starts_nats:
        await _see_that_it_answers(settings.nats)
    parts = ["NATS"] * starts_nats + ["Ray"] * starts_ray
    if parts and progress is not None:
        progress(f"starting {' and '.join(parts)} on this machine")
    async with AsyncExitStack() as stack:
        servers = await _start(stack, settings, meanwhile, starts_nats=starts_nats, starts_ray=starts_ray)
        yield _filled(settings, *servers, use_ray=use_ray)


async def _see_that_it_answers(nats: NatsOptions) -> None:
    """Ray takes seconds to start and to stop; it is not started for a record that is away."""
    from swe_ai_fleet.messaging.nats_connecting import open_connection

    async with open_connection(nats):
        pass


async def _start(
    stack: AsyncExitStack,
    settings: Settings,
    meanwhile: Callable[[], object],
    *,
    starts_nats: bool,
    starts_ray: bool,
) -> tuple[NatsAddress | None, str | None]:
    """Enter both at once; the first that does not start ends the other."""

    async def nats(imports: asyncio.Task[object]) -> NatsAddress | None:
        if not starts_nats:
            return None
        try:
            address = await stack.enter_async_context(open_nats_server(settings.data_dir / "nats"))
        except OSError as error:
            problem = f"the record cannot be kept there: {error.strerror}"
            raise InputError("FLEET_DATA_DIR", str(settings.data_dir), problem, WRITABLE_FOLDER) from error
        if address.is_fresh:
            await imports  # two threads must not import parts of one package at once
            from swe_ai_fleet.messaging.nats_left_over import hand_out_left_over

            with suppress(FleetError):  # whoever needs the record finds out what is wrong with it
                await hand_out_left_over(_at(settings.nats, address))
        return address

    async def ray() -> str | None:
        cluster = open_ray_cluster(settings.ray.namespace)
        return await stack.enter_async_context(cluster) if starts_ray else None

    try:
        async with asyncio.TaskGroup() as group:
            imports = group.create_task(asyncio.to_thread(meanwhile))
            tasks = group.create_task(nats(imports)), group.create_task(ray())
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors
    return tasks[0].result(), tasks[1].result()


def _filled(settings: Settings, nats: NatsAddress | None, ray: str | None, *, use_ray: bool) -> Settings:
    changes: dict[str, object] = {}
    if nats is not None:
        changes["nats"] = _at(settings.nats, nats)
    if ray is not None or not use_ray:
        changes["ray"] = settings.ray.model_copy(update={"address": ray, "enabled": use_ray})
    return settings.model_copy(update=changes)


def _at(options: NatsOptions, address: NatsAddress) -> NatsOptions:
    return options.model_copy(update={"url": address.url, "token": address.token})
