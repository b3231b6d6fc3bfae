"""The command line as its users start it: a process of its own, an empty home folder, nothing configured."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


def environment(home: Path, **settings: str) -> dict[str, str]:
    """A user's environment with these settings and no others."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FLEET_", "RAY_", "XDG_"))}  # noqa: TID251  # the user's shell
    return {**kept, "HOME": str(home), "XDG_DATA_HOME": str(home / "data"), **settings}


@asynccontextmanager
async def started(
    *args: str, env: Mapping[str, str], cwd: Path = ROOT
) -> AsyncIterator[asyncio.subprocess.Process]:
    """``swe-fleet`` with these arguments, in a session of its own; killed on leaving where it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "swe_ai_fleet", *args),
        env=env,
        cwd=cwd,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def swe_fleet(*args: str, env: Mapping[str, str], cwd: Path = ROOT) -> Ended:
    """Run to the end."""
    async with started(*args, env=env, cwd=cwd) as process:
        stdout, stderr = await process.communicate()
        assert process.returncode is not None
        return Ended(exit_code=process.returncode, stdout=stdout.decode(), stderr=stderr.decode())
