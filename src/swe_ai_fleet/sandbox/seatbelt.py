"""macOS: ``sandbox-exec``, which is weak (no memory limit, the process list stays visible), or nothing at all."""

import asyncio
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from swe_ai_fleet.errors import SandboxError, SandboxUnavailableError
from swe_ai_fleet.ports.checks import ExecResult, Limits, Sandbox
from swe_ai_fleet.sandbox.host import Host
from swe_ai_fleet.sandbox.options import SandboxOptions

_TOOL = "/usr/bin/sandbox-exec"
_PROFILE = """(version 1)
(deny default)
(allow process-fork process-exec sysctl-read mach-lookup)
(allow signal (target same-sandbox))
(allow file-read-metadata)
(allow file-read* (subpath "/usr") (subpath "/bin") (subpath "/sbin") (subpath "/System") (subpath "/Library")
  (subpath "/opt/homebrew") (subpath "/private/var/select") (subpath "/dev") {readable})
(allow file-write-data (literal "/dev/null") (literal "/dev/tty") (literal "/dev/zero"))
(allow file-read* file-write* {writable})
"""


def choose_on_macos(options: SandboxOptions) -> Sandbox:
    """What macOS offers; never strong, so it must be allowed.

    Raises:
        SandboxUnavailableError: weak containment is not allowed.
    """
    if not options.allow_weak:
        raise SandboxUnavailableError(
            "macOS offers no strong containment of untrusted code. Accept sandbox-exec with "
            "FLEET_SANDBOX__ALLOW_WEAK=true, or run the checks on Linux."
        )
    is_there = Path(_TOOL).exists() and options.kind != "none"
    return SeatbeltSandbox(host=Host(options), containment="seatbelt (weak)" if is_there else "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeatbeltSandbox:
    """Commands in a process group of their own, under a profile where ``sandbox-exec`` is there."""

    host: Host
    containment: str

    async def run(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        limits: Limits,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        readable: Sequence[Path] = (),
    ) -> ExecResult:
        """See :class:`~swe_ai_fleet.ports.checks.Sandbox`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with self.open(argv, folder=folder, limits=limits, env=env, readable=readable) as process:
            killed_by = await process.finish(stdin, began + limits.wall_s)
        return ExecResult(
            exit_code=process.exit_code if killed_by is None else None,
            stdout=bytes(process.stdout),
            stderr=bytes(process.stderr),
            duration_s=loop.time() - began,
            killed_by=killed_by,
        )

    @asynccontextmanager
    async def open(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        limits: Limits,
        env: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
    ) -> AsyncIterator["SeatbeltProcess"]:
        """See :class:`~swe_ai_fleet.ports.checks.Sandbox`."""
        where = Path(os.path.realpath(folder))  # noqa: ASYNC240  # local and quick
        with _scratch() as scratch:
            command = self._command(argv, (str(where), scratch), readable)
            try:
                child = await asyncio.create_subprocess_exec(
                    *command,
                    cwd=where,
                    env={**self.host.environment(scratch=scratch), **(env or {})},
                    stdin=asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,
                    limit=limits.output_bytes,
                    preexec_fn=lambda: _limit(limits),
                )
            except OSError as error:
                raise SandboxError(f"the command could not be started: {error}") from error
            process = SeatbeltProcess(child, limits)
            try:
                yield process
            finally:
                await process.kill()

    def _command(self, argv: Sequence[str], writable: Sequence[str], readable: Sequence[Path]) -> list[str]:
        if self.containment == "none":
            return list(argv)
        profile = _PROFILE.format(
            readable=_subpaths([*self.host.readable, *(str(path.resolve()) for path in readable)]),
            writable=_subpaths(writable),
        )
        return [_TOOL, "-p", profile, *argv]


class SeatbeltProcess:
    """A process to talk to; see :class:`~swe_ai_fleet.ports.checks.SandboxProcess`."""

    def __init__(self, child: asyncio.subprocess.Process, limits: Limits) -> None:
        self._child = child
        self._limits = limits
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._alarm = asyncio.get_running_loop().call_later(limits.wall_s, self._kill_group)

    @property
    def exit_code(self) -> int | None:
        """None while it runs, and where a signal ended it."""
        code = self._child.returncode
        return code if code is not None and code >= 0 else None

    async def send(self, chunk: bytes) -> None:
        """Write to its stdin."""
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(chunk)
            await self._child.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as error:
            raise SandboxError("the sandboxed process has ended") from error

    async def receive(self, *, timeout_s: float) -> bytes:
        """The next line of its stdout; empty at the end."""
        assert self._child.stdout is not None
        async with asyncio.timeout(timeout_s):
            try:
                return await self._child.stdout.readline()
            except ValueError as error:
                raise SandboxError("a line of the sandboxed process is too long") from error

    async def kill(self) -> None:
        """End the process group and wait for its leader."""
        self._alarm.cancel()
        self._kill_group()
        await self._child.wait()

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)

    async def finish(self, stdin: bytes, deadline: float) -> str | None:
        """Give it its input, keep its outputs and wait; the limit that ended it, or None."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        assert self._child.stderr is not None
        async with asyncio.TaskGroup() as group:
            group.create_task(self._feed(self._child.stdin, stdin))
            reading = [
                group.create_task(self._collect(self._child.stdout, self.stdout)),
                group.create_task(self._collect(self._child.stderr, self.stderr)),
            ]
            code = await self._child.wait()
            self._kill_group()
        if any(task.result() for task in reading):
            return "output"
        if code >= 0:
            return None
        if asyncio.get_running_loop().time() >= deadline:
            return "wall"
        return "cpu" if -code == signal.SIGXCPU else f"signal {-code}"

    @staticmethod
    async def _feed(pipe: asyncio.StreamWriter, content: bytes) -> None:
        with suppress(BrokenPipeError, ConnectionResetError):
            pipe.write(content)
            await pipe.drain()
            pipe.close()

    async def _collect(self, pipe: asyncio.StreamReader, kept: bytearray) -> bool:
        """Keep what fits; True where there was more, which ends it all."""
        while chunk := await pipe.read(65536):
            kept += chunk[: self._limits.output_bytes - len(kept)]
            if len(kept) >= self._limits.output_bytes:
                self._kill_group()
                return True
        return False


@contextmanager
def _scratch() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="fleet-")
    try:
        yield str(Path(folder).resolve())
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _limit(limits: Limits) -> None:
    """What macOS enforces per process; it has no limit on memory that holds."""
    cpu = max(1, round(limits.cpu_s if limits.cpu_s is not None else 4 * limits.wall_s))
    for kind, value in (
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 1024),
    ):
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (value, value))


def _subpaths(paths: Sequence[str]) -> str:
    return " ".join(f'(subpath "{path}")' for path in paths if '"' not in path)
