"""The example that the demo works on: a fresh git repository with a real bug, made from the packaged files."""

import shutil
import subprocess
import tempfile
from importlib.resources import files
from pathlib import Path

from swe_ai_fleet.errors import InputError, UnreachableError

_NAME = "inventory"
_REPOSITORY = "stockroom"
_GIT = (
    "git",
    "-c",
    "user.name=SWE AI Fleet",
    "-c",
    "user.email=demo@localhost",
    "-c",
    "commit.gpgsign=false",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "init.defaultBranch=main",
)


def packaged_example() -> Path:
    """The example's files: inside the installed package, or in the checkout.

    Raises:
        InputError: neither is there.
    """
    package = Path(str(files("swe_ai_fleet")))
    for folder in (package / "_examples" / _NAME, package.parents[1] / "examples" / _NAME):
        if (folder / "task.yaml").is_file():
            return folder
    raise InputError(
        "demo", str(package), "the example is not in this installation", "Install the wheel anew."
    )


def fresh_example() -> Path:
    """A new folder with ``task.yaml`` and its repository, committed; ``.fleet/demo/...`` where that can be written.

    Raises:
        InputError: the example is not in this installation.
        UnreachableError: there is no git.
    """
    source = packaged_example()
    folder = _new_folder()
    ignored = shutil.ignore_patterns("__pycache__", ".pytest_cache", "*.pyc", ".git")
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=ignored)
    repository = folder / _REPOSITORY
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "The stockroom, with a bug")):
        _git(words, repository)
    return folder


def _new_folder() -> Path:
    """Below the current folder, in one that git ignores; else among the temporary files."""
    base = Path.cwd() / ".fleet"
    try:
        (base / "demo").mkdir(parents=True, exist_ok=True)
        (base / ".gitignore").write_text("*\n", encoding="utf-8")
        return Path(tempfile.mkdtemp(prefix=f"{_NAME}-", dir=base / "demo"))
    except OSError:
        return Path(tempfile.mkdtemp(prefix="swe-fleet-demo-"))


def _git(words: tuple[str, ...], folder: Path) -> None:
    try:
        subprocess.run([*_GIT, *words], cwd=folder, check=True, capture_output=True)
    except FileNotFoundError as error:
        raise UnreachableError("git", "the PATH", "Install git.") from error
