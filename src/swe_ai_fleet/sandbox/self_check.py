"""Trying to get out of a sandbox, for ``doctor``: what holds here, said by code that tried."""

import json
import os
import socket
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.errors import SandboxError
from swe_ai_fleet.ports.checks import Limits, Sandbox

_LIMITS = Limits(wall_s=20, memory_bytes=512 * 1024**2, processes=32)
_PROGRAM = """
import json, os, socket
aims = json.loads(input())
def reach():
    socket.create_connection(("127.0.0.1", aims["port"]), 2).close()
def write():
    open(aims["outside"] + "/written", "w").close()
    if not os.path.exists(aims["outside"] + "/secret"): raise OSError
def read():
    if open(aims["outside"] + "/secret").read() != "secret": raise OSError
def home():
    if not set(aims["names"]) <= set(os.listdir(aims["home"])): raise OSError
def signal():
    os.kill(aims["pid"], 0)
def see():
    if aims["command"] not in open(f"/proc/{aims['pid']}/cmdline").read(): raise OSError
def environment():
    if aims["variable"] not in open(f"/proc/{aims['pid']}/environ").read(): raise OSError
def namespaces():
    import ctypes
    if ctypes.CDLL(None).unshare(0x10000000) != 0: raise OSError
done = {}
for attempt in (reach, write, read, home, signal, see, environment, namespaces):
    try: attempt()
    except Exception: done[attempt.__name__] = False
    else: done[attempt.__name__] = True
print(json.dumps(done))
"""
_ATTEMPTS = {
    "reach": "reach the network",
    "write": "write outside its folder",
    "read": "read files of other folders",
    "home": "list the home folder",
    "signal": "signal the fleet's own process",
    "see": "see the processes of this machine",
    "environment": "read the environment of the fleet's own process",
    "namespaces": "make user namespaces of its own",
}


class Attempt(Value):
    """One thing that contained code tried."""

    name: str
    """Completes "untrusted code cannot ..."."""
    held: bool
    """It did not get what it wanted."""


async def self_check(sandbox: Sandbox) -> tuple[Attempt, ...]:
    """Run a program in the sandbox that tries to get out in the usual ways; empty containment holds nothing.

    Raises:
        SandboxError: it could not be run to its end.
    """
    with (
        tempfile.TemporaryDirectory() as outside,
        tempfile.TemporaryDirectory() as folder,
        socket.socket() as server,
    ):
        _lay_out(Path(outside))
        server.bind(("127.0.0.1", 0))
        server.listen()
        aims = {
            "port": server.getsockname()[1],
            "outside": outside,
            "home": str(_home()),
            "names": _names(_home()),
            "pid": os.getpid(),
            "command": Path(sys.executable).name,
            "variable": "PATH=",
        }
        result = await sandbox.run(
            (sys.executable, "-I", "-S", "-c", _PROGRAM),
            folder=Path(folder),
            limits=_LIMITS,
            stdin=json.dumps(aims).encode() + b"\n",
        )
    return _attempts(result.stdout, result.stderr)


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/root")


def _names(folder: Path) -> list[str]:
    """What is in it; a name that is nowhere where nothing is."""
    return sorted(path.name for path in folder.iterdir()) or ["nothing"]


def _lay_out(outside: Path) -> None:
    (outside / "secret").write_text("secret", encoding="utf-8")


def _attempts(stdout: bytes, stderr: bytes) -> tuple[Attempt, ...]:
    try:
        done: Mapping[str, bool] = json.loads(stdout)
    except ValueError as error:
        said = stderr.decode(errors="replace").strip()[-500:]
        raise SandboxError(f"the attempts to get out did not run to their end: {said}") from error
    return tuple(Attempt(name=text, held=not done[name]) for name, text in _ATTEMPTS.items())
