"""What the doctor looks at, each a finding with the way out: nothing is changed, nothing is left running."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from importlib import import_module
from pathlib import Path

from swe_ai_fleet.cli.doctor_servers import (
    look_at_embedded_model,
    look_at_model,
    look_at_nats,
    look_at_ray,
    look_at_ray_jobs,
)
from swe_ai_fleet.cli.finding import Finding
from swe_ai_fleet.errors import SandboxUnavailableError
from swe_ai_fleet.settings import Settings

_LIMIT_S = 5.0
_DISK_NEEDED_BYTES = 1024**3


Look = Callable[[Settings], Awaitable[Finding]]


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything, side by side; one look takes at most five seconds, once what it needs is imported."""
    await asyncio.to_thread(_import_all, settings)
    looks: dict[str, Look] = {
        "git": look_at_git,
        "disk": look_at_disk,
        "sandbox": look_at_sandbox,
        "NATS": look_at_nats,
        "Ray": look_at_ray,
    }
    if settings.ray.enabled and settings.ray.dashboard is not None:
        looks["Ray jobs"] = look_at_ray_jobs
    for name in sorted(settings.models):
        looks[f"model {name}"] = _model_look(name)
    if not settings.models:
        looks["model"] = look_at_embedded_model
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_bounded(name, look, settings)) for name, look in looks.items()]
    return [task.result() for task in tasks]


def _import_all(settings: Settings) -> None:
    """Imports hold up whatever else this process does; what an embedded server needs comes while that starts."""
    needed = ["sandbox.selection"]
    if settings.nats.url is not None:
        needed += ["cli.session", "local.embedded", "messaging.nats_record"]
    if settings.models:
        needed += ["models.registry", "models.servers"]
    for name in needed:
        import_module(f"swe_ai_fleet.{name}")
    if settings.ray.enabled and (settings.ray.address or settings.ray.dashboard):
        import_module("swe_ai_fleet.execution.ray_version")
        import_module("swe_ai_fleet.execution.ray_submission")


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
    from swe_ai_fleet.sandbox.selection import choose_sandbox

    try:
        sandbox = await asyncio.to_thread(choose_sandbox, settings.sandbox)
    except SandboxUnavailableError as error:
        fix = "apt install bubblewrap, or accept weak containment: export FLEET_SANDBOX__ALLOW_WEAK=true"
        return Finding(name="sandbox", status="failed", detail=str(error), fix=fix)
    if sandbox.containment.split("+")[0] in {"none", "seatbelt"}:
        detail = f"{sandbox.containment}: weak containment is allowed"
        return Finding(name="sandbox", status="warning", detail=detail, fix="apt install bubblewrap")
    return Finding(name="sandbox", status="ok", detail=sandbox.containment)


def _model_look(provider: str) -> Look:
    async def look(settings: Settings) -> Finding:
        return await look_at_model(provider, settings)

    return look


def python_finding() -> Finding:
    """The interpreter that everything runs on."""
    detail = f"{sys.version.split()[0]} at {sys.executable}"
    return Finding(name="Python", status="ok", detail=detail)
