"""The Sandbox over the launcher: bubblewrap, namespaces of our own, Landlock alone, or nothing at all."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from swe_ai_fleet.errors import SandboxError
from swe_ai_fleet.ports.checks import ExecResult, Limits
from swe_ai_fleet.sandbox.exchange import begin
from swe_ai_fleet.sandbox.host import MADE_UP, Host
from swe_ai_fleet.sandbox.launcher.request import Caps, Engine, Request, View
from swe_ai_fleet.sandbox.launching import Launcher
from swe_ai_fleet.sandbox.talking import ContainedProcess, run_to_end

_SHARED = ("landlock", "none")
"""Engines without a file system of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainedSandbox:
    """Runs commands through the launcher. Any number at once, from any event loop of this process."""

    engine: Engine
    containment: str
    host: Host
    launcher: Launcher
    bubblewrap: str = ""

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
        with self.prepared(argv, folder=folder, limits=limits, env=env, readable=readable) as request:
            ends = begin(self.launcher, request, stdin=stdin)
            return await run_to_end(ends, output_bytes=limits.output_bytes)

    @asynccontextmanager
    async def open(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        limits: Limits,
        env: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
    ) -> AsyncIterator[ContainedProcess]:
        """See :class:`~swe_ai_fleet.ports.checks.Sandbox`."""
        with self.prepared(argv, folder=folder, limits=limits, env=env, readable=readable) as request:
            process = ContainedProcess(
                begin(self.launcher, request, stdin=None), output_bytes=limits.output_bytes
            )
            try:
                yield process
            finally:
                await process.close()

    @contextmanager
    def prepared(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        limits: Limits,
        env: Mapping[str, str] | None,
        readable: Sequence[Path],
    ) -> Iterator[Request]:
        """The request for the launcher; a private temporary folder lives as long as this, where one is needed."""
        where = folder.resolve()
        if not where.is_dir():
            raise SandboxError(f"{folder} is not a folder")
        whole_env = {**self.host.environment(scratch="/tmp"), **(env or {})}  # noqa: S108  # the sandbox's own
        if self.engine == "bubblewrap":
            _require(argv[0], where, whole_env["PATH"])
        wanted = [str(path.resolve()) for path in readable]
        request = Request(
            engine=self.engine,
            argv=tuple(argv),
            env=whole_env,
            folder=str(where),
            caps=_caps(limits),
            view=View(
                readable=(*self.host.readable, *(path for path in wanted if not _is_within(path, where))),
                writable=(str(where),),
                held=tuple(path for path in wanted if _is_within(path, where)),
                files=MADE_UP,
            ),
            bubblewrap=self.bubblewrap,
        )
        if self.engine not in _SHARED:
            yield request
            return
        scratch = tempfile.mkdtemp(prefix="fleet-")
        try:
            yield _with_scratch(request, scratch, self.host, env or {})
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _with_scratch(request: Request, scratch: str, host: Host, env: Mapping[str, str]) -> Request:
    view = replace(request.view, writable=(*request.view.writable, scratch))
    return replace(request, view=view, env={**host.environment(scratch=scratch), **env})


def _is_within(path: str, folder: Path) -> bool:
    return path.startswith(f"{folder}/")


def _require(command: str, folder: Path, path: str) -> None:
    """Bubblewrap does not tell a command that is missing from one that fails."""
    if shutil.which(folder / command if "/" in command else command, path=path) is None:
        raise SandboxError(f"the command could not be started: there is no {command} here")


def _caps(limits: Limits) -> Caps:
    return Caps(
        wall_s=limits.wall_s,
        cpu_s=limits.cpu_s if limits.cpu_s is not None else 4 * limits.wall_s,
        memory_bytes=limits.memory_bytes,
        processes=limits.processes,
        file_bytes=limits.file_bytes,
        disk_bytes=limits.disk_bytes,
    )
