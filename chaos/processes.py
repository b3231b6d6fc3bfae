"""Processes that a chaos run starts, breaks and ends: each in a session of its own, its output in a file."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PROBE = Path(__file__).parent / "probe"
_PATH = (str(ROOT), str(ROOT / "src"))
_STOP_S = 30.0


class Process:
    """One process that may be started again after it died."""

    def __init__(self, name: str, command: Sequence[str], *, env: Mapping[str, str], log: Path) -> None:
        """Nothing runs yet; ``log`` takes stderr, and stdout where nobody reads it."""
        self.name = name
        self.command = list(command)
        self.env = dict(env)
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs, or ran last."""
        return 0 if self._process is None else self._process.pid

    @property
    def runs(self) -> bool:
        """It was started and has not ended."""
        return self._process is not None and self._process.returncode is None

    async def start(self, *, reads: bool = False) -> str:
        """Start it; with ``reads``, what it says first on stdout."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self.command,
                env=self.env,
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE if reads else log,
                stderr=log,
                start_new_session=True,
            )
        if self._process.stdout is None:
            return ""
        return (await self._process.stdout.readline()).decode().strip()

    async def tell(self, line: str) -> None:
        """Write a line to its stdin."""
        if self._process is not None and self._process.stdin is not None:
            with suppress(ConnectionError):
                self._process.stdin.write(line.encode() + b"\n")
                await self._process.stdin.drain()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        if self.runs:
            os.kill(self.pid, number)

    async def wait(self, limit_s: float = _STOP_S) -> int | None:
        """Its exit status; None where it has not ended within the limit."""
        if self._process is None:
            return None
        try:
            async with asyncio.timeout(limit_s):
                return await self._process.wait()
        except TimeoutError:
            return None

    async def kill(self) -> None:
        """SIGKILL, for it and for what it started in its session."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        await self._process.wait()

    async def stop(self) -> int | None:
        """SIGTERM, and SIGKILL where that does not end it in time; its exit status."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        status = await self.wait()
        await self.kill()
        return status


def fleet_environment(home: Path, *, notes: Path, clock: Path, **settings: str) -> dict[str, str]:
    """A user's environment with these settings and no others, and the probe in it."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FLEET_", "RAY_", "XDG_", "CHAOS_"))}  # noqa: TID251
    own = {"HOME": str(home), "XDG_DATA_HOME": str(home / "data"), "PYTHONDONTWRITEBYTECODE": "1"}
    probe = {
        "PYTHONPATH": os.pathsep.join([str(_PROBE), *_PATH]),
        "CHAOS_NOTES": str(notes),
        "CHAOS_CLOCK": str(clock),
    }
    return {**kept, **own, **probe, **settings}


def plain_environment() -> dict[str, str]:
    """For processes that are not the fleet's: this one's, with the repository on the path."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(_PATH)}  # noqa: TID251


def python(*args: str) -> list[str]:
    """A command of this interpreter."""
    return [sys.executable, *args]


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Every process below ``pid``, with its command line."""
    parents: dict[int, list[int]] = {}
    lines: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        with suppress(OSError, ValueError):
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            parents.setdefault(int(stat[1]), []).append(int(folder.name))
            lines[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    waiting = list(parents.get(pid, ())) if pid else []
    while waiting:
        child = waiting.pop()
        yield child, lines.get(child, "")
        waiting += parents.get(child, ())
