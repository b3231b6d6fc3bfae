"""Running untrusted code, and judging proposals by it."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import Field

from swe_ai_fleet.domain.brief import SourceFile
from swe_ai_fleet.domain.check import CheckReport, Trial
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.domain.value import Value


class Limits(Value):
    """The caps of one sandboxed command; the whole process group is killed when one is passed."""

    wall_s: Annotated[float, Field(gt=0)] = 60.0
    cpu_s: Annotated[float, Field(gt=0)] | None = None
    """CPU seconds of any one process; four times ``wall_s`` where it is None."""
    memory_bytes: Annotated[int, Field(gt=0)] = 2 * 1024**3
    processes: Annotated[int, Field(gt=0)] = 256
    file_bytes: Annotated[int, Field(gt=0)] = 256 * 1024**2
    """Largest file it may write."""
    disk_bytes: Annotated[int, Field(gt=0)] = 1024**3
    """All that it may write, to its folder and to its private /tmp each."""
    output_bytes: Annotated[int, Field(gt=0)] = 4 * 1024**2
    """Kept of each of stdout and stderr; more is an ending of its own."""


class ExecResult(Value):
    """What came back from a sandboxed command."""

    exit_code: int | None
    """None where it was killed; ``killed_by`` says why."""
    stdout: bytes
    stderr: bytes
    duration_s: float
    killed_by: str | None = None
    """wall, cpu, memory, disk, output, cancelled or signal <n>; None where it ended by itself."""


class SandboxProcess(Protocol):
    """A sandboxed process that is talked to over its stdin and stdout."""

    async def send(self, chunk: bytes) -> None:
        """Write to its stdin.

        Raises:
            SandboxError: it has ended.
        """
        ...

    async def receive(self, *, timeout_s: float) -> bytes:
        """The next line of its stdout, with its newline; empty when it has closed stdout.

        Raises:
            TimeoutError: no line came in time.
            SandboxError: the line is longer than the limit on output.
        """
        ...

    async def kill(self) -> None:
        """End the whole process group and wait for it. Idempotent."""
        ...


class Sandbox(Protocol):
    """A place to run untrusted commands: no network, no writes outside ``folder`` and a private /tmp, no secrets."""

    @property
    def containment(self) -> str:
        """What holds the code here, strongest first: "bubblewrap", "namespaces+landlock", ..., "none"."""
        ...

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
        """Run to the end. ``folder`` is the working folder and the only writable one; ``readable`` is added read-only.

        A file of ``readable`` that lies in ``folder`` stays as it is while this runs, where that can be held.

        The environment is a small fixed one plus ``env``; nothing is inherited. Cancelling kills the process group.

        Raises:
            SandboxUnavailableError: nothing strong enough is available.
            SandboxError: the command could not be started.
        """
        ...

    def open(
        self,
        argv: Sequence[str],
        *,
        folder: Path,
        limits: Limits,
        env: Mapping[str, str] | None = None,
        readable: Sequence[Path] = (),
    ) -> AbstractAsyncContextManager[SandboxProcess]:
        """The same, as a process to talk to; it is killed on leaving. ``limits.wall_s`` bounds its whole life."""
        ...


class Workspaces(Protocol):
    """Copies of a repository at the task's commit."""

    def checkout(self, repo: RepoRef) -> AbstractAsyncContextManager[Path]:
        """A private, writable copy without history that tells anything of the host; removed on leaving.

        Raises:
            InputError: the commit is not there.
        """
        ...

    async def pristine(self, repo: RepoRef) -> Path:
        """The tree of the commit itself, shared by all: to be read, never to be changed or shown to untrusted code.

        Raises:
            InputError: the commit is not there, or is too large.
        """
        ...

    async def read(
        self, repo: RepoRef, *, hints: Sequence[str], max_bytes: int
    ) -> tuple[tuple[str, ...], tuple[SourceFile, ...]]:
        """The tree's paths, and the text files that ``hints`` (task text, stack traces) name, most likely first."""
        ...


class CheckRunner(Protocol):
    """Evidence for proposals. Where it runs (this process, the cluster) is the adapter's matter."""

    async def check_base(self, task: Task, repo: RepoRef) -> CheckReport:
        """Run the task's checks twice on the unchanged commit.

        What differs between the runs is ``flaky`` and is reported as the second run saw it.

        Raises:
            InputError: a check's command does not exist.
            SandboxUnavailableError: nothing strong enough is available.
        """
        ...

    async def check(self, task: Task, repo: RepoRef, proposal: Proposal) -> CheckReport:
        """Turn the proposal into one patch, apply it to a fresh copy and run the task's checks there.

        A proposal that cannot be applied is reported as such, never raised. Cancelling kills what runs.

        Raises:
            SandboxUnavailableError: nothing strong enough is available.
        """
        ...

    async def try_checks(self, task: Task, repo: RepoRef, checks: Proposal, answer: Proposal | None) -> Trial:
        """Run the test files that ``checks`` proposes on an answer; on the unchanged commit, twice, where it is None.

        One cell of a matrix: it sees one answer, changes nothing for any other, and has a time limit of its own. What
        cannot be run is told by the trial's status and note, never raised. Cancelling kills what runs.

        Raises:
            SandboxUnavailableError: nothing strong enough is available.
        """
        ...
