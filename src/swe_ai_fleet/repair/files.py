"""Which files may be edited, and how an edit of them is written down."""

import ast
import difflib
import fnmatch
import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from swe_ai_fleet.repair.source import Edit, Source, apply_edits

_TEST_FILE = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|conftest|setup|noxfile)\.py$")
_HIDDEN = re.compile(r"(^|/)(\.[^/]+|__pycache__|node_modules|site-packages|build|dist|docs?)/")
_MAX_FILES = 5000
_MAX_BYTES = 1024 * 1024


def editable_files(folder: Path, *, protected: Sequence[str]) -> list[str]:
    """Python files that a repair may change: no tests, nothing protected, nothing made or installed; sorted."""
    names = (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.py")))
    return [name for name in names if _is_editable(folder / name, name, protected)][:_MAX_FILES]


def _is_editable(path: Path, name: str, protected: Sequence[str]) -> bool:
    if _TEST_FILE.search(name) or _HIDDEN.search(name) or is_protected(name, protected):
        return False
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= _MAX_BYTES


def is_protected(path: str, globs: Sequence[str]) -> bool:
    """Whether one of the globs names the file; ``**`` spans folders, none included."""
    return any(_matches(path.split("/"), glob.strip("/").split("/")) for glob in globs)


def _matches(path: list[str], glob: list[str]) -> bool:
    if not glob:
        return not path
    if glob[0] == "**":
        return any(_matches(path[skipped:], glob[1:]) for skipped in range(len(path) + 1)) or len(glob) == 1
    return bool(path) and fnmatch.fnmatchcase(path[0], glob[0]) and _matches(path[1:], glob[1:])


def read_sources(folder: Path, files: Sequence[str]) -> dict[str, Source]:
    """The files that are text and valid Python."""
    sources: dict[str, Source] = {}
    for file in files:
        try:
            sources[file] = Source(file, (folder / file).read_bytes().decode())
        except (SyntaxError, ValueError, RecursionError, OSError):
            continue
    return sources


def is_valid(sources: Mapping[str, Source], edits: Sequence[Edit]) -> bool:
    """Whether every edited file is still Python."""
    try:
        for file in {edit.file for edit in edits}:
            ast.parse(_edited(sources, edits, file))
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True


@contextmanager
def written(folder: Path, sources: Mapping[str, Source], edits: Sequence[Edit]) -> Iterator[None]:
    """The edited files in the folder, until the block ends."""
    files = sorted({edit.file for edit in edits})
    try:
        for file in files:
            _write(folder, file, _edited(sources, edits, file))
        yield
    finally:
        for file in files:
            _write(folder, file, sources[file].text)


def put_back(folder: Path, sources: Mapping[str, Source]) -> None:
    """Every source in the folder as it was read."""
    for file, source in sources.items():
        _write(folder, file, source.text)


def _write(folder: Path, file: str, text: str) -> None:
    """The file anew, with its mode. Untrusted code has run in the folder: what it made of the name is not followed.

    Raises:
        OSError: a folder on the way to it is gone, or is a link by now.
    """
    *folders, name = file.split("/")
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for part in folders:
            inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            os.close(at)
            at = inner
        mode = 0o644
        with suppress(FileNotFoundError):
            seen = os.stat(name, dir_fd=at, follow_symlinks=False).st_mode
            mode = stat.S_IMODE(seen) if stat.S_ISREG(seen) else mode
            os.unlink(name, dir_fd=at)
        made = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode, dir_fd=at)
        with os.fdopen(made, "wb") as stream:
            stream.write(text.encode())
    finally:
        os.close(at)


def _edited(sources: Mapping[str, Source], edits: Sequence[Edit], file: str) -> str:
    return apply_edits(sources[file].text, [edit for edit in edits if edit.file == file])


def unified_diff(sources: Mapping[str, Source], edits: Sequence[Edit]) -> str:
    """The edits as one patch that ``git apply`` takes."""
    parts: list[str] = []
    for file in sorted({edit.file for edit in edits}):
        before, after = sources[file].text, _edited(sources, edits, file)
        parts += difflib.unified_diff(_lines(before), _lines(after), f"a/{file}", f"b/{file}")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in parts
    )


def _lines(text: str) -> list[str]:
    """Lines as git counts them: only a line feed ends one."""
    return [part for part in re.split(r"(?<=\n)", text) if part]
