"""Files that steer the test runner: a proposal that changes them could pass without being right."""

import re
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator, Sequence
from posixpath import normpath

from swe_ai_fleet.sandbox.patches.globs import matching
from swe_ai_fleet.sandbox.patches.writing import ChangedFile
from swe_ai_fleet.sandbox.verdicts import INSIDE

_ALWAYS = (
    *("**/conftest.py", "**/pytest.ini", "**/.pytest.ini", "**/pytest.toml", "**/.pytest.toml"),
    *("**/sitecustomize.py", "**/usercustomize.py", "**/*.pth"),
    *("**/*.dist-info", "**/*.egg-info", "**/*.egg-link"),
)
_END_OF_SECTION = re.compile(r"\[[\w:.\- ]+\]\s*")
"""Less than every reader of such files takes for a heading, so that no text can end a section for us alone."""
_RUNNERS = frozenset(
    (
        "pytest",
        "_pytest",
        "pluggy",
        "iniconfig",
        "pygments",
        *(path.stem for path in INSIDE.glob("fleet_*.py")),
    )
)
_BESIDE = frozenset(
    (
        *("py", "packaging", "exceptiongroup", "tomli", "colorama", "attr", "attrs", "typing_extensions"),
        *("xdist", "execnet", "coverage", "anyio", "sniffio", "idna", "hypothesis", "sortedcontainers"),
    )
)
"""What pytest and its common plugins import, by names that a package may well have for a module of its own."""
_FOLDER = r"""['"]?([^\s'";&|()]+)"""
_RUN_IN = re.compile(
    rf"(?:\b(?:cd|pushd)\s+|(?<!\S)(?:-C|--directory|--chdir|--rootdir)[\s=]*|\bPYTHONPATH=){_FOLDER}"
)
_SCRIPT = re.compile(r"python[\d.]*\s+(?:-\S+\s+)*([^\s;&|]+)/[^\s/;&|]+\.py\b")


def protected_files(
    files: Sequence[ChangedFile], globs: Sequence[str], commands: Iterable[str] = ()
) -> tuple[str, ...]:
    """The changed files that a proposal may not change: those that the task names, and those that steer the checks.

    The latter are the configuration and plugins of pytest, ``conftest.py``, Python's start-up files, and new modules
    that would be imported in place of the standard library's or the test runner's where ``commands`` run.
    """
    paths = [file.path for file in files]
    named = set(matching(paths, globs)) | {path for path in paths if matching([path.lower()], _ALWAYS)}
    run_in = {"", "src", *_run_in(commands)}
    steering = {file.path for file in files if _steers(file, run_in)}
    return tuple(sorted(named | steering))


def _run_in(commands: Iterable[str]) -> Iterator[str]:
    """The folders that the commands name as places to run in, or to import from."""
    for command in commands:
        for found in [*_RUN_IN.findall(command), *_SCRIPT.findall(command)]:
            yield from (normpath(folder).strip("./") for folder in found.split(":"))


def _steers(file: ChangedFile, run_in: Collection[str]) -> bool:
    name = file.path.rpartition("/")[2].lower()
    if name == "pyproject.toml":
        return _table(file.old) != _table(file.new)
    if name in ("tox.ini", "setup.cfg"):
        return _sections(file.old) != _sections(file.new)
    return file.old is None and file.new is not None and _shadows(file.path, run_in)


def _table(text: str | None) -> str:
    """What pytest is told in it, however it is written; everything where it cannot be read."""
    try:
        tool = tomllib.loads(text or "").get("tool")
        return repr(tool.get("pytest")) if isinstance(tool, dict) else repr(None)
    except (ValueError, RecursionError):
        return text or ""


def _sections(text: str | None) -> list[str]:
    """The lines of the sections for pytest, with lines ended by whatever the test runner takes for an end."""
    found: list[str] = []
    is_inside = False
    for line in (text or "").removeprefix("\ufeff").splitlines():
        if line.startswith("[") and "pytest" in line:
            is_inside = True
        elif _END_OF_SECTION.fullmatch(line):
            is_inside = False
        if is_inside and line.strip():
            found.append(line)
    return found


def _shadows(path: str, run_in: Collection[str]) -> bool:
    """A new module that would be imported in place of an installed one."""
    home, _, name = path.rpartition("/")
    stem, _, suffix = name.rpartition(".")
    if suffix not in ("py", "so", "pyc"):
        return False
    top = stem.partition(".")[0]
    if top == "__init__":
        home, _, top = home.rpartition("/")
    if top in _RUNNERS:
        return True
    is_imported = any(home == folder or (folder and home.endswith(f"/{folder}")) for folder in run_in)
    return is_imported and (top in _BESIDE.union(sys.stdlib_module_names) or top.startswith("pytest_"))


def existing(paths: Iterable[str], globs: Sequence[str]) -> tuple[str, ...]:
    """Files of the commit that no proposal may change, so that they can be held fast while checks run."""
    return matching(paths, (*globs, *_ALWAYS))
