"""Git, run so that neither this machine's configuration nor a hostile repository has a say."""

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from swe_ai_fleet.errors import SandboxError

_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ASKPASS": "false",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
}
_OPTIONS = (
    "--no-pager",
    "--literal-pathspecs",
    *("-c", f"core.hooksPath={os.devnull}"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.untrackedCache=false"),
    *("-c", "core.quotePath=false"),
    *("-c", "submodule.recurse=false"),
    *("-c", "protocol.ext.allow=never"),
    *("-c", "gc.auto=0"),
    *("-c", "safe.directory=*"),  # nothing of the repository's own configuration is executed
)
NETWORK = "file:git:http:https:ssh"
"""Protocols for cloning; everything else runs without any."""
_QUICK_S = 60.0
_NO_SUCH_KEY = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class GitResult:
    """How a git command ended."""

    exit_code: int
    stdout: bytes
    stderr: str


async def git(
    *arguments: str,
    folder: Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdin: bytes = b"",
    timeout_s: float = _QUICK_S,
    filters: Sequence[str] = (),
    settings: Mapping[str, str] | None = None,
) -> GitResult:
    """Run git to its end; cancelling or the time limit kills its whole process group.

    Args:
        *arguments: the subcommand and what follows.
        folder: where to run it.
        env: added to the fixed environment; None takes a variable out of it.
        stdin: its input.
        timeout_s: limit in seconds.
        filters: names of content filters that the repository configures; they are switched off.
        settings: configuration for this command alone.

    Raises:
        SandboxError: git is missing, or the limit has passed.
    """
    wanted = _by_environment({**_without(filters), **(settings or {})})
    variables = {**_ENVIRONMENT, **wanted, **(env or {})}
    try:
        process = await asyncio.create_subprocess_exec(
            *("git", *_OPTIONS, *arguments),
            cwd=folder,
            env={name: value for name, value in variables.items() if value is not None},
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        raise SandboxError("git is not installed") from error
    except OSError as error:
        raise SandboxError(f"git cannot be started: {error.strerror}") from error
    try:
        async with asyncio.timeout(timeout_s):
            stdout, stderr = await process.communicate(stdin or None)
    except TimeoutError as error:
        raise SandboxError(f"git {arguments[0]} took more than {timeout_s:.0f} s") from error
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return GitResult(
        exit_code=process.returncode or 0, stdout=stdout, stderr=stderr.decode(errors="replace").strip()
    )


def _without(filters: Sequence[str]) -> dict[str, str]:
    values = {"clean": "", "smudge": "", "process": "", "required": "false"}
    return {f"filter.{name}.{key}": value for name in filters for key, value in values.items()}


def _by_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Not by ``-c``, which ends the key at its first ``=``: the name of a filter may have one."""
    env = {"GIT_CONFIG_COUNT": str(len(settings))}
    for index, (key, value) in enumerate(settings.items()):
        env |= {f"GIT_CONFIG_KEY_{index}": key, f"GIT_CONFIG_VALUE_{index}": value}
    return env


async def ignoring(folder: Path) -> dict[str, str]:
    """Settings with which git ignores in a folder what the user's own git ignores; patterns execute nothing."""
    user = os.environ  # noqa: TID251  # where the user's own git looks for its configuration
    env = {name: user.get(name) for name in ("HOME", "XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL")}
    asked = ("config", "--type=path", "--null", "--get", "core.excludesFile")
    found = await git(*asked, folder=folder, env={**env, "GIT_CONFIG_NOSYSTEM": "0"})
    path = f"{env['XDG_CONFIG_HOME'] or (env['HOME'] or '') + '/.config'}/git/ignore"
    if found.exit_code == 0:
        path = os.fsdecode(found.stdout.rstrip(b"\0"))
    return {"core.excludesFile": path}


async def filters_of(folder: Path) -> tuple[str, ...]:
    """Names of the content filters that a repository's configuration defines, with all that it includes.

    Raises:
        SandboxError: its configuration cannot be read.
    """
    asked = ("config", "--includes", "--name-only", "-z", "--get-regexp", r"^filter\.")
    found = await git(*asked, folder=folder)
    if found.exit_code not in (0, _NO_SUCH_KEY):
        raise SandboxError(f"git cannot read the configuration of {folder}: {found.stderr[:200]}")
    keys = os.fsdecode(found.stdout).split("\0")
    return tuple(sorted({key[len("filter.") :].rpartition(".")[0] for key in keys if key}))
