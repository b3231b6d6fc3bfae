"""The fleet of one command: settings, logs, what has no address started, everything closed afterwards."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

import click

from swe_ai_fleet.errors import InputError
from swe_ai_fleet.logs import configure_logs
from swe_ai_fleet.models.model_id import needs_a_server, split_chain
from swe_ai_fleet.settings import Settings, load_settings, unknown_variables
from swe_ai_fleet.telemetry.starting import start_telemetry

if TYPE_CHECKING:
    from swe_ai_fleet.bootstrap import Fleet
    from swe_ai_fleet.cli.progress import Style
    from swe_ai_fleet.ports.record import Record


def prepare() -> Settings:
    """Read the settings, say which variables are none, and set logs and spans up.

    Raises:
        InputError: a variable is not valid.
    """
    settings = load_settings()
    configure_logs(settings.log.level, settings.log.format)
    start_telemetry(settings.telemetry)
    for name in unknown_variables():
        click.echo(f"Note: {name} is no setting and has no effect; docs/settings.md lists them.", err=True)
    return settings


def check_models(models: Sequence[str], settings: Settings) -> None:
    """Every ``--model`` is an id of a configured provider.

    Raises:
        InputError: of ``--model``.
    """
    known = {provider.name for provider in settings.providers()}
    for model in models:
        try:
            split_chain(model, known=known)
        except InputError as error:
            way_out = f"{error.way_out} FLEET_MODELS__<PROVIDER>__URL configures one."
            raise InputError("--model", model, error.problem, way_out) from error


@asynccontextmanager
async def open_session(
    settings: Settings, *, use_ray: bool, style: "Style", models: "Sequence[str]" = ()
) -> "AsyncIterator[Fleet]":
    """A running fleet; what is started for it is told in that style.

    Nothing is started where one of ``models`` does not answer.

    Raises:
        FleetError: something that is needed cannot be reached or started.
    """
    from swe_ai_fleet.cli.progress import open_progress
    from swe_ai_fleet.local.embedded import open_embedded

    await _see_that_they_answer(settings, models)
    async with AsyncExitStack() as stack:
        async with open_progress(style) as progress:
            embedded = open_embedded(
                settings, use_ray=use_ray, progress=progress.note, meanwhile=_import_fleet
            )
            ready = await stack.enter_async_context(embedded)
            from swe_ai_fleet.bootstrap import open_fleet

            fleet = await stack.enter_async_context(open_fleet(ready))
        yield fleet


async def _see_that_they_answer(settings: Settings, models: "Sequence[str]") -> None:
    chains = [chain for chain in dict.fromkeys(models) if needs_a_server(split_chain(chain))]
    if not chains:
        return
    from swe_ai_fleet.models.registry import ModelRegistry

    registry = ModelRegistry(settings.providers())
    try:
        for chain in chains:
            await registry.probe_one_of(chain)
    finally:
        await registry.close()


def _import_fleet() -> None:
    """Half a second of imports that would else follow the start of the servers."""
    import_module("swe_ai_fleet.bootstrap")


def _import_record() -> None:
    import_module("swe_ai_fleet.messaging.nats_record")


@asynccontextmanager
async def open_record(settings: Settings) -> "AsyncIterator[Record]":
    """The record alone, for commands that ask no agent.

    Raises:
        FleetError: it cannot be reached or started.
    """
    from swe_ai_fleet.local.embedded import open_embedded

    async with open_embedded(settings, use_ray=False, meanwhile=_import_record) as ready:
        from swe_ai_fleet.messaging.nats_record import open_nats_record

        async with open_nats_record(ready.nats) as record:
            yield record


def record_place(settings: Settings) -> str:
    """Where the record is, for people."""
    if settings.nats.url is not None:
        return f"{settings.nats.shown_addresses}, stream FLEET_EVENTS"
    return f"{settings.data_dir}, stream FLEET_EVENTS of the embedded nats-server"
