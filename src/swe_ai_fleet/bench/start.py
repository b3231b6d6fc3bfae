"""How soon the fleet is there: the help, the doctor, and the first question of an embedded deliberation."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from swe_ai_fleet.bench.report import BenchReport, figure, report
from swe_ai_fleet.bench.surroundings import PROVIDER
from swe_ai_fleet.models.simulated import SimulatedModelServer

_FLEET = (sys.executable, "-m", "swe_ai_fleet")
_LOADED = "import sys; from swe_ai_fleet.cli.app import swe_fleet; print(int('ray' in sys.modules))"
_TASK = "description: Name the three greatest risks of a migration in one night.\ncouncil: {agents: 3}\n"
_LIMIT_S = 120.0


async def measure_start(*, repetitions: int = 5, use_ray: bool = True) -> BenchReport:
    """Time commands as a user gives them, each in a fresh process and a fresh data folder.

    Args:
        repetitions: of each, after one that does not count.
        use_ray: False leaves out the embedded Ray.

    Raises:
        TimeoutError: a command does not end, or never asks its model, within two minutes.
    """
    helped = [await _ended_s(("--help",)) for _ in range(repetitions + 1)]
    doctored = [await _ended_s(("doctor",)) for _ in range(repetitions + 1)]
    alone = [await _asked_s(("--no-ray",)) for _ in range(repetitions + 1)]
    figures = [
        figure("--help", "s", helped[1:], aim="at most 0.25"),
        figure("--help imports Ray", "", [await _imports_ray()], aim="0", digits=0),
        figure("doctor", "s", doctored[1:], aim="at most 1.5"),
        figure("deliberate --no-ray, until the first agent asks", "s", alone[1:], aim="at most 1.2"),
    ]
    if use_ray:
        embedded = [await _asked_s(()) for _ in range(repetitions + 1)]
        figures.append(figure("deliberate, until the first agent asks", "s", embedded[1:], aim="at most 6"))
    return report("start", {"repetitions": repetitions, "use_ray": use_ray}, figures)


async def _ended_s(arguments: Sequence[str]) -> float:
    """From the command to its end."""
    with tempfile.TemporaryDirectory(prefix="fleet-bench-", ignore_cleanup_errors=True) as folder:
        began = time.perf_counter()
        process = await _started((*_with(FLEET_DATA_DIR=folder), *_FLEET, *arguments))
        async with asyncio.timeout(_LIMIT_S):
            await process.communicate()
        return time.perf_counter() - began


async def _asked_s(arguments: Sequence[str]) -> float:
    """From the command to the moment in which the model server gets the first question."""
    with tempfile.TemporaryDirectory(prefix="fleet-bench-", ignore_cleanup_errors=True) as folder:
        task = Path(folder, "task.yaml")
        await asyncio.to_thread(task.write_text, _TASK)
        async with SimulatedModelServer() as server:
            name = PROVIDER.upper()
            told = {f"FLEET_MODELS__{name}__URL": server.url, f"FLEET_MODELS__{name}__MODEL": PROVIDER}
            began = time.perf_counter()
            process = await _started(
                (
                    *_with(FLEET_DATA_DIR=folder, **told),
                    *_FLEET,
                    *("deliberate", str(task), "--json", *arguments),
                )
            )
            async with asyncio.timeout(_LIMIT_S):
                await server.until(lambda counts: counts.requests >= 1)
                took = time.perf_counter() - began
                await process.communicate()
    return took


async def _imports_ray() -> float:
    process = await _started((sys.executable, "-c", _LOADED))
    told, _ = await process.communicate()
    return float(told.decode().strip() or "nan")


def _with(**settings: str) -> tuple[str, ...]:
    """The beginning of a command that runs with these settings."""
    return ("env", *(f"{name}={text}" for name, text in settings.items()))


async def _started(command: Sequence[str]) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
