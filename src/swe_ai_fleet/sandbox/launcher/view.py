"""A root of its own for one command: read-only system, private /tmp, /dev and /proc, one writable folder."""

import os
from collections.abc import Iterable

from swe_ai_fleet.sandbox.launcher import kernel
from swe_ai_fleet.sandbox.launcher.request import View

_DEVICES = ("null", "zero", "full", "random", "urandom")
_QUIET = kernel.MS_NOSUID | kernel.MS_NODEV
_OLD, _NEW = "/old", "/new"


def enter(view: View, *, disk_bytes: int, memory_bytes: int) -> bool:
    """Make the new root and leave the old one for good; needs a mount namespace of its own.

    Returns:
        Whether there is a /proc; inside some containers a new one may not be mounted.
    """
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    _stand_between_roots()
    _mount_tmpfs(f"{_NEW}/tmp", disk_bytes, "1777")
    for path in view.readable:
        _bind(path, read_only=True)
    for path in view.writable:
        _bind(path, read_only=False)
    for path in around(view):
        _bind(path, read_only=False)
    for path in view.held:
        kernel.mount(_OLD + path, _NEW + path, flags=kernel.MS_BIND)
        kernel.restrict_mount(_NEW + path, _QUIET | kernel.MS_RDONLY)
    for path, text in view.files.items():
        _write(_NEW + path, text)
    _make_devices(min(disk_bytes, memory_bytes))
    has_proc = _mount_proc()
    _leave_old_root()
    return has_proc


def around(view: View) -> list[str]:
    """The folders between a writable folder and the files held in it, outermost first.

    Each is bound on itself: what is mounted upon cannot be moved away, so that nothing else can take its place.
    """
    found: set[str] = set()
    for path in view.held:
        folder = os.path.dirname(path)
        while folder not in view.writable and folder != "/":
            found.add(folder)
            folder = os.path.dirname(folder)
    return sorted(found)


def _stand_between_roots() -> None:
    """An empty root with the old one at /old and the coming one at /new."""
    kernel.mount("tmpfs", "/tmp", "tmpfs", _QUIET, "mode=0755,size=16m")  # a mount point that exists
    os.mkdir("/tmp/old")
    os.mkdir("/tmp/new")
    kernel.pivot_root("/tmp", "/tmp/old")
    os.chdir("/")
    kernel.mount("tmpfs", _NEW, "tmpfs", _QUIET, "mode=0755,size=16m")


def _leave_old_root() -> None:
    kernel.detach(_OLD)
    os.chdir(_NEW)
    kernel.pivot_root(".", ".")
    kernel.detach(".")
    os.chdir("/")
    kernel.mount("none", "/", flags=kernel.MS_BIND | 0x20 | kernel.MS_RDONLY | _QUIET)


def _bind(path: str, *, read_only: bool) -> None:
    source, target = _OLD + path, _NEW + path
    if os.path.islink(source):
        _link(os.readlink(source), target)
        return
    if not os.path.exists(source) or (read_only and _is_there(source, target)):
        return
    _make_target(source, target)
    kernel.mount(source, target, flags=kernel.MS_BIND | kernel.MS_REC)
    kernel.restrict_mount(target, _QUIET | (kernel.MS_RDONLY if read_only else 0))


def _is_there(source: str, target: str) -> bool:
    """A parent is bound already."""
    try:
        return os.path.samestat(os.stat(source), os.stat(target))
    except OSError:
        return False


def _link(pointee: str, target: str) -> None:
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if not os.path.lexists(target):
        os.symlink(pointee, target)


def _make_target(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.lexists(target):
        _write(target, "")


def _write(path: str, text: str) -> None:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _mount_tmpfs(path: str, size_bytes: int, mode: str) -> None:
    os.makedirs(path, exist_ok=True)
    kernel.mount("tmpfs", path, "tmpfs", _QUIET, f"mode={mode},size={size_bytes},nr_inodes=262144")


def _make_devices(size_bytes: int) -> None:
    _mount_tmpfs(f"{_NEW}/dev", 65536, "0755")
    for name in _DEVICES:
        _write(f"{_NEW}/dev/{name}", "")
        kernel.mount(f"{_OLD}/dev/{name}", f"{_NEW}/dev/{name}", flags=kernel.MS_BIND)
    for name, pointee in _links():
        os.symlink(pointee, f"{_NEW}/dev/{name}")
    _mount_tmpfs(f"{_NEW}/dev/shm", size_bytes, "1777")
    os.mkdir(f"{_NEW}/dev/pts")
    try:
        kernel.mount(
            "devpts",
            f"{_NEW}/dev/pts",
            "devpts",
            kernel.MS_NOSUID | kernel.MS_NOEXEC,
            "newinstance,ptmxmode=0666",
        )
    except OSError:
        return  # no terminals then
    os.symlink("pts/ptmx", f"{_NEW}/dev/ptmx")


def _links() -> Iterable[tuple[str, str]]:
    yield "fd", "/proc/self/fd"
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        yield name, f"/proc/self/fd/{number}"


def _mount_proc() -> bool:
    os.makedirs(f"{_NEW}/proc", exist_ok=True)
    try:
        kernel.mount("proc", f"{_NEW}/proc", "proc", _QUIET | kernel.MS_NOEXEC | kernel.MS_RDONLY)
    except OSError:
        return False
    return True
