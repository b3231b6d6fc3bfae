"""Copying and removing folders that untrusted code has had, or will have, in its hands. Links are never followed."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path


def copy_tree(source: Path, target: Path) -> None:
    """A copy of regular files, folders and symbolic links, with their permission bits; ``target`` must be new."""
    target.mkdir(mode=0o755)
    with os.scandir(source) as entries:
        for entry in entries:
            where = target / entry.name
            if entry.is_symlink():
                where.symlink_to(Path(entry.path).readlink())
            elif entry.is_dir(follow_symlinks=False):
                copy_tree(Path(entry.path), where)
            elif entry.is_file(follow_symlinks=False):
                shutil.copyfile(entry.path, where)
                where.chmod(entry.stat(follow_symlinks=False).st_mode & 0o777)


def remove_tree(folder: Path) -> None:
    """Remove it whatever was made of it: no permissions, a million files, folders a thousand deep."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        for command in (["chmod", "-R", "u+rwX", "--", str(folder)], ["rm", "-rf", "--", str(folder)]):
            subprocess.run(command, check=False, capture_output=True)


def read_regular(root: Path, path: str, *, limit: int) -> bytes | None:
    """Up to ``limit`` bytes of a file below ``root``; None where any part of the path is a link, or it is no file."""
    descriptor = (
        os.open(root, os.O_PATH | os.O_DIRECTORY) if hasattr(os, "O_PATH") else os.open(root, os.O_RDONLY)
    )
    try:
        *folders, name = path.split("/")
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    if not _is_regular(file):
        os.close(file)
        return None
    with os.fdopen(file, "rb") as stream:
        return stream.read(limit)


def _is_regular(descriptor: int) -> bool:
    return (os.fstat(descriptor).st_mode & 0o170000) == 0o100000


def write_files(root: Path, files: Iterable[tuple[str, str | None, bool]]) -> None:
    """Write or delete files below ``root``, which nobody else is changing: path, text or None, whether executable."""
    for path, text, is_executable in files:
        where = root / path
        if text is None:
            where.unlink()
            continue
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(text.encode())
        where.chmod(0o755 if is_executable else 0o644)


def regular_files(root: Path) -> list[str]:
    """Paths of the regular files below ``root``, relative to it."""
    found: list[str] = []
    for folder, _, names in os.walk(root):
        inner = os.path.relpath(folder, root)
        plain = [name for name in names if not Path(folder, name).is_symlink()]
        found += plain if inner == "." else [f"{inner}/{name}" for name in plain]
    return found
