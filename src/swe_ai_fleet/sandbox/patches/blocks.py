"""Search/replace blocks."""

import difflib
import re
from collections.abc import Iterator

from swe_ai_fleet.errors import PatchError
from swe_ai_fleet.sandbox.patches.edits import Change, Hunk, Line, Tag
from swe_ai_fleet.sandbox.patches.fences import looks_like_path, path_in_line
from swe_ai_fleet.sandbox.patches.writing import common_start

_START = re.compile(r"^<{5,9} ?(?:SEARCH|ORIGINAL|HEAD)\b[ \t]*(\S*)")
_MIDDLE = re.compile(r"^={5,9}[ \t]*$")
_MAX_COMPARED = 1_000_000
"""Pairs of lines; comparing takes that long where many are equal."""
_END = re.compile(r"^>{5,9} ?(?:REPLACE|UPDATED)?[ \t]*")


def has_blocks(content: str) -> bool:
    """It holds at least the beginning of one block."""
    return any(_START.match(line) for line in content.split("\n"))


def parse_blocks(content: str) -> list[Change]:
    """One change per block, in order. A block without a path has the path of the one before, or an empty one.

    Raises:
        PatchError: a block has no middle or no end.
    """
    lines = content.split("\n")
    changes: list[Change] = []
    path, at = "", 0
    while at < len(lines):
        started = _START.match(lines[at])
        if started is None:
            at += 1
            continue
        number = len(changes) + 1
        path = (started[1] if looks_like_path(started[1]) else None) or _path_before(lines, at) or path
        middle = _find(lines, at + 1, _MIDDLE, f"search/replace block {number} has no ======= line")
        end = _find(lines, middle + 1, _END, f"search/replace block {number} has no >>>>>>> REPLACE line")
        label = f"{path or 'any file'}, search/replace block {number}"
        difference = _difference(lines[at + 1 : middle], lines[middle + 1 : end])
        hunk = Hunk(label=label, lines=difference, must_be_unique=True)
        changes.append(Change(path=path, hunks=(hunk,)))
        at = end + 1
    return changes


def _find(lines: list[str], start: int, pattern: re.Pattern[str], problem: str) -> int:
    for index in range(start, len(lines)):
        if pattern.match(lines[index]):
            return index
    raise PatchError(problem)


def _path_before(lines: list[str], at: int) -> str | None:
    """The path in the lines just above a block, past its fence."""
    for line in reversed(lines[max(0, at - 4) : at]):
        text = line.strip()
        if _END.match(text):
            return None
        if text.startswith(("```", "~~~")):
            words = text.strip("`~ ").split()
            if words and looks_like_path(words[-1]):
                return words[-1]
        elif text:
            return path_in_line(text)
    return None


def _difference(old: list[str], new: list[str]) -> tuple[Line, ...]:
    """The block as hunk lines, so that what it keeps stays as the file has it."""
    front = common_start(old, new)
    back = common_start(old[front:][::-1], new[front:][::-1])
    middle = _compared(old[front : len(old) - back], new[front : len(new) - back])
    return (*_lines(" ", old[:front]), *middle, *_lines(" ", old[len(old) - back :]))


def _compared(old: list[str], new: list[str]) -> Iterator[Line]:
    if len(old) * len(new) > _MAX_COMPARED:
        yield from (*_lines("-", old), *_lines("+", new))
        return
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
        if tag == "equal":
            yield from _lines(" ", old[old_start:old_end])
        else:
            yield from (*_lines("-", old[old_start:old_end]), *_lines("+", new[new_start:new_end]))


def _lines(tag: Tag, texts: list[str]) -> Iterator[Line]:
    return (Line(tag=tag, text=text) for text in texts)
