"""Hostile code gets nothing: run on every containment that works here."""

import ctypes
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hostile import Hostile, hostile_commands
from sandboxes import PYTHON, STRONG, sandbox_of

from swe_ai_fleet.ports.checks import Limits, Sandbox

pytestmark = pytest.mark.sandbox

ALL = hostile_commands(Path(__file__).with_name("hostile_commands.txt"))
SECRET = "fleet-secret-4711"
LIMITS = Limits(
    wall_s=6,
    cpu_s=2,
    memory_bytes=256 * 1024**2,
    processes=64,
    file_bytes=16 * 1024**2,
    disk_bytes=128 * 1024**2,
    output_bytes=256 * 1024,
)


@pytest.fixture(params=STRONG)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return sandbox_of(request.param)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is worth having on this machine, and what must be as before afterwards."""

    folder: Path
    outside: Path
    canary: Path
    neighbour: Path
    datagrams: socket.socket
    places: dict[str, object]

    def untouched(self) -> None:
        assert self.canary.read_text() == "canary"
        assert self.canary.stat().st_mode & 0o777 == 0o644
        assert sorted(p.name for p in self.outside.iterdir()) == ["canary"]
        assert (self.neighbour / "answer.py").read_text() == SECRET
        with pytest.raises(BlockingIOError):
            self.datagrams.recv(16)


@pytest.fixture
def around(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Surroundings]:
    monkeypatch.setenv("FLEET_TOKEN", SECRET)
    folder, outside, neighbour = tmp_path / "work", tmp_path / "outside", tmp_path / "neighbour"
    for place in (folder, outside, neighbour, tmp_path / "home", tmp_path / "record"):
        place.mkdir()
    outside.chmod(0o777)
    canary = outside / "canary"
    canary.write_text("canary")
    (neighbour / "answer.py").write_text(SECRET)
    for name in ("home/secret", "record/events", f"home/{SECRET}"):
        (tmp_path / name).write_text(SECRET)
    with (
        socket.socket() as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_UNIX) as by_path,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        tcp.bind(("127.0.0.1", 0))
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        by_path.bind(str(tmp_path / "s"))
        abstract.bind(f"\0fleet-{os.getpid()}")
        for server in (tcp, by_path, abstract):
            server.listen()
        libc = ctypes.CDLL(None)
        segment = libc.shmget(4711, 4096, 0o1666)
        yield Surroundings(
            folder=folder,
            outside=outside,
            canary=canary,
            neighbour=neighbour,
            datagrams=udp,
            places={
                "secret": SECRET,
                "mark": SECRET,
                "fleet": os.getpid(),
                "home": tmp_path / "home" / "secret",
                "record": tmp_path / "record" / "events",
                "neighbour": neighbour,
                "outside": outside,
                "canary": canary,
                "prefix": sys.prefix,
                "tcp": tcp.getsockname()[1],
                "udp": udp.getsockname()[1],
                "unix": tmp_path / "s",
                "abstract": f"fleet-{os.getpid()}",
                "shm": 4711,
            },
        )
        libc.shmctl(segment, 0, None)


@pytest.mark.parametrize("hostile", ALL, ids=lambda hostile: hostile.name)
async def test_it_gets_nothing_and_changes_nothing(
    hostile: Hostile, sandbox: Sandbox, around: Surroundings
) -> None:
    code = hostile.program(**around.places)

    result = await sandbox.run((*PYTHON, "-c", code), folder=around.folder, limits=LIMITS)

    assert b"ESCAPED" not in result.stdout, f"it could {hostile.tries}: {result.stdout[-500:]!r}"
    assert b"SyntaxError" not in result.stderr
    if hostile.killed_by:
        assert result.killed_by in hostile.killed_by, result.stderr[-500:]
    around.untouched()


async def test_nothing_outlives_its_command(sandbox: Sandbox, around: Surroundings) -> None:
    daemon = next(hostile for hostile in ALL if hostile.name == "daemon")

    await sandbox.run((*PYTHON, "-c", daemon.program()), folder=around.folder, limits=LIMITS)

    left = (around.folder / "outlived").read_text() if (around.folder / "outlived").exists() else ""
    again = await sandbox.run(("cat", "outlived"), folder=around.folder, limits=LIMITS)
    assert again.stdout.decode() == left
