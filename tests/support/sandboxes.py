"""The sandboxes that work on this machine, and repositories to work on."""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

from swe_ai_fleet.domain.task import RepoRef
from swe_ai_fleet.errors import RecordNotFoundError, SandboxUnavailableError
from swe_ai_fleet.ports.checks import Sandbox
from swe_ai_fleet.sandbox.options import Kind, SandboxOptions
from swe_ai_fleet.sandbox.selection import choose_sandbox

STRONG: tuple[Kind, ...] = ("bubblewrap", "namespaces", "landlock")
PYTHON = (sys.executable, "-I", "-S")
_HOW = {
    "bubblewrap": "apt-get install bubblewrap",
    "namespaces": "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    "landlock": "boot Linux 6.12 or later with lsm=landlock",
}


SHOP_FILES: dict[str, str | bytes] = {
    "README.md": "About stock.\n",
    "shop/stock.py": "from shop import units\n\n\ndef reorder(level):\n    return units.pack(level)\n",
    "shop/units.py": "def pack(number):\n    return number\n",
    "shop/other.py": "def unrelated():\n    return 0\n",
    "shop/__init__.py": "",
    "data.bin": b"\0\1\2",
}
"""A small repository."""


@cache
def _why_not(kind: Kind) -> str:
    try:
        choose_sandbox(SandboxOptions(kind=kind))
    except SandboxUnavailableError as error:
        return str(error)
    return ""


def sandbox_of(kind: Kind) -> Sandbox:
    """The sandbox of one kind; skips, with the command that would provide it, where it does not work."""
    if reason := _why_not(kind):
        pytest.skip(f"{kind}: {reason} To have it: {_HOW[kind]}")
    return choose_sandbox(SandboxOptions(kind=kind))


def strongest() -> Sandbox:
    """What ``auto`` takes here; skips where there is nothing strong."""
    if reason := _why_not("auto"):
        pytest.skip(f"{reason} To have it: {_HOW['bubblewrap']}")
    return choose_sandbox(SandboxOptions())


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular."""
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.invalid", "-c", "core.autocrlf=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode()


def write_tree(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """A folder of these files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def make_repository(folder: Path, files: Mapping[str, str | bytes], *, object_format: str = "sha1") -> Path:
    """A repository with one commit of these files."""
    write_tree(folder, files)
    git(folder, "init", "-q", f"--object-format={object_format}")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "first")
    return folder


def reference(folder: Path) -> RepoRef:
    """The repository at its HEAD."""
    return RepoRef(url=str(folder), commit=git(folder, "rev-parse", "HEAD").strip())


def command_lines() -> list[str]:
    """Of every process that this one can see."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                lines.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return lines


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


class Blobs:
    """Blobs in memory, for a host that cannot see the folder."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    async def put(self, content: bytes) -> str:
        self._blobs["a" * 64] = content
        return "a" * 64

    async def get(self, sha256: str) -> bytes:
        if sha256 not in self._blobs:
            raise RecordNotFoundError(sha256)
        return self._blobs[sha256]
