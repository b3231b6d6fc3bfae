"""Files that steer the test runner: a proposal that changes them could pass without being right."""

import re
import sys
from collections.abc import Iterable, Sequence

from swe_ai_fleet.sandbox.patches.globs import matching
from swe_ai_fleet.sandbox.patches.writing import ChangedFile

_ALWAYS = (
    *("**/conftest.py", "**/pytest.ini", "**/.pytest.ini"),
    *("**/sitecustomize.py", "**/usercustomize.py", "**/*.pth"),
)
_WITH_SECTIONS = ("pyproject.toml", "tox.ini", "setup.cfg")
_SECTION = re.compile(r"^\[(?:tool:|tool\.)?pytest[^\]]*\][^\[]*(?:\n(?!\[)[^\n]*)*", re.MULTILINE)
_RUNNERS = frozenset(
    ("pytest", "_pytest", "pluggy", "py", "iniconfig", "packaging", "fleet_verdict", "fleet_record")
)


def protected_files(files: Sequence[ChangedFile], globs: Sequence[str]) -> tuple[str, ...]:
    """The changed files that a proposal may not change: those that the task names, and those that steer the checks.

    The latter are pytest's configuration and ``conftest.py``, Python's start-up files, and new modules that would
    be imported in place of the standard library's or the test runner's.
    """
    paths = [file.path for file in files]
    named = set(matching(paths, globs)) | set(matching(paths, _ALWAYS))
    steering = {file.path for file in files if _steers(file)}
    return tuple(sorted(named | steering))


def _steers(file: ChangedFile) -> bool:
    folder, _, name = file.path.rpartition("/")
    if name in _WITH_SECTIONS:
        return _sections(file.old) != _sections(file.new)
    return file.old is None and file.new is not None and _shadows(folder, name)


def _sections(text: str | None) -> list[str]:
    return [found.group().strip() for found in _SECTION.finditer(text or "")]


def _shadows(folder: str, name: str) -> bool:
    """A new module that would be imported in place of an installed one."""
    stem, _, suffix = name.rpartition(".")
    if suffix not in ("py", "so", "pyc"):
        return False
    top = folder.rpartition("/")[2] if stem == "__init__" else stem.partition(".")[0]
    depth = folder.removeprefix("src").strip("/").count("/") + bool(folder.removeprefix("src").strip("/"))
    at_top = depth == (stem == "__init__")
    return at_top and top in _RUNNERS.union(sys.stdlib_module_names)


def existing(paths: Iterable[str], globs: Sequence[str]) -> tuple[str, ...]:
    """Files of the commit that no proposal may change, so that they can be held fast while checks run."""
    return matching(paths, (*globs, *_ALWAYS))
