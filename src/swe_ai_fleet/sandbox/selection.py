"""Which containment holds here, found by running something in it."""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from swe_ai_fleet.errors import SandboxError, SandboxUnavailableError
from swe_ai_fleet.ports.checks import Limits, Sandbox
from swe_ai_fleet.sandbox.contained import ContainedSandbox
from swe_ai_fleet.sandbox.exchange import run_blocking
from swe_ai_fleet.sandbox.host import Host
from swe_ai_fleet.sandbox.launcher.landlock import version
from swe_ai_fleet.sandbox.launcher.request import Engine
from swe_ai_fleet.sandbox.launching import LAUNCHER
from swe_ai_fleet.sandbox.options import SandboxOptions

_STRONG: tuple[Engine, ...] = ("bubblewrap", "namespaces", "landlock")
_STRONG_WITHOUT_GROUPS: tuple[Engine, ...] = ("namespaces", "bubblewrap", "landlock")
"""Only our own first process adds up the memory of the whole tree."""
_SCOPED_LANDLOCK = 6
"""From this version on signals and abstract sockets stay inside."""
_PROBE = Limits(wall_s=10, memory_bytes=512 * 1024**2, processes=16)


@cache
def choose_sandbox(options: SandboxOptions) -> Sandbox:
    """The strongest containment that works on this machine, or the one that ``options`` name.

    It is tried by running something in it, once per process and options.

    Raises:
        SandboxUnavailableError: none is strong enough; the message says what to install or to allow.
    """
    if sys.platform == "darwin":
        from swe_ai_fleet.sandbox.seatbelt import choose_on_macos  # noqa: PLC0415  # there only

        return choose_on_macos(options)
    problems: list[str] = []
    for engine in _wanted(options):
        problem = _missing(engine)
        if problem is None:
            sandbox = _build(engine, options)
            problem = _probe(sandbox)
            if problem is None:
                return sandbox
        problems.append(f"{engine}: {problem}")
    raise _unavailable(problems)


def _wanted(options: SandboxOptions) -> Iterator[Engine]:
    if options.kind == "auto":
        LAUNCHER.start()
        yield from _STRONG if LAUNCHER.grouped else _STRONG_WITHOUT_GROUPS
        if options.allow_weak:
            yield "none"
    elif options.kind == "none":
        if options.allow_weak:
            yield "none"
    elif options.kind != "seatbelt":
        yield options.kind


def _missing(engine: Engine) -> str | None:
    if engine == "bubblewrap" and shutil.which("bwrap") is None:
        return "bwrap is not installed"
    if engine == "landlock" and version() < _SCOPED_LANDLOCK:
        return f"this kernel's Landlock is of version {version()}; {_SCOPED_LANDLOCK} is needed (Linux 6.12)"
    return None


def _build(engine: Engine, options: SandboxOptions) -> ContainedSandbox:
    LAUNCHER.start()
    layers = {
        "bubblewrap": ["bubblewrap", "seccomp"],
        "namespaces": ["namespaces", *(["landlock"] if version() else []), "seccomp"],
        "landlock": ["landlock", "seccomp"],
        "none": ["none"],
    }[engine]
    alone = "watched memory" if engine == "namespaces" else "limits per process"
    bounds = "cgroups" if LAUNCHER.grouped else alone
    return ContainedSandbox(
        engine=engine,
        containment="+".join([*layers, bounds]),
        host=Host(options),
        launcher=LAUNCHER,
        bubblewrap=shutil.which("bwrap") or "",
    )


def _probe(sandbox: ContainedSandbox) -> str | None:
    """Run the shell in it: what speaks against this containment, or None."""
    with tempfile.TemporaryDirectory(prefix="fleet-probe-") as folder:
        argv = ("/bin/sh", "-c", "echo inside > note && cat note")
        with sandbox.prepared(argv, folder=Path(folder), limits=_PROBE, env=None, readable=()) as request:
            try:
                ending, output = run_blocking(sandbox.launcher, request)
            except SandboxError as error:
                return str(error)
    if ending["exit_code"] == 0 and output == b"inside\n":
        return None
    return f"a first command ended with {ending['killed_by'] or ending['exit_code']}"


def _unavailable(problems: list[str]) -> SandboxUnavailableError:
    tried = "; ".join(problems) or "no strong containment was asked for"
    return SandboxUnavailableError(
        f"Untrusted code cannot be contained here ({tried}). Install bubblewrap, allow unprivileged user "
        "namespaces, or accept weak containment with FLEET_SANDBOX__ALLOW_WEAK=true."
    )
