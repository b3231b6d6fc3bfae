"""Candidates on disk: files written for the time of one candidate, and put back."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .swap import Edit, apply_edits

FileEdits = dict[str, list[Edit]]
"""Edits by path relative to the root."""


def by_file(edits: list[list[object]]) -> FileEdits:
    """From ``[file, start, end, text]`` as they come over the line."""
    grouped: FileEdits = {}
    for file, start, end, text in edits:
        grouped.setdefault(str(file), []).append((int(str(start)), int(str(end)), str(text)))
    return grouped


def read_source(path: Path) -> str:
    """The text with its line ends as they are; offsets count its characters."""
    return path.read_bytes().decode()


@contextmanager
def written(root: Path, edits: FileEdits) -> Iterator[None]:
    """The edited files, until the block ends."""
    before = {file: (root / file).read_bytes() for file in edits}
    try:
        for file, content in before.items():
            (root / file).write_bytes(apply_edits(content.decode(), edits[file]).encode())
        yield
    finally:
        for file, content in before.items():
            (root / file).write_bytes(content)
