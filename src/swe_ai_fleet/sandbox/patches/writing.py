"""Writing one patch as ``git apply`` takes it."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_CONTEXT = 3
_NO_NEWLINE = "\\ No newline at end of file\n"
_ESCAPES = {"\t": "\\t", "\n": "\\n", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedFile:
    """One file before and after; None where it is not there."""

    path: str
    old: str | None
    new: str | None
    old_mode: str = "100644"
    new_mode: str = "100644"


def write_patch(files: Sequence[ChangedFile]) -> str:
    """One diff of all files, sorted by path; a move is written as a removal and a new file."""
    return "".join("".join(_file(file)) for file in sorted(files, key=lambda file: file.path))


def _file(file: ChangedFile) -> Iterator[str]:
    old_name, new_name = _quoted(f"a/{file.path}"), _quoted(f"b/{file.path}")
    yield f"diff --git {old_name} {new_name}\n"
    if file.old is None:
        yield f"new file mode {file.new_mode}\n"
    elif file.new is None:
        yield f"deleted file mode {file.old_mode}\n"
    elif file.old_mode != file.new_mode:
        yield f"old mode {file.old_mode}\nnew mode {file.new_mode}\n"
    hunks = list(_hunks(_lines(file.old or ""), _lines(file.new or "")))
    if hunks:
        yield f"--- {'/dev/null' if file.old is None else old_name + _tab(old_name)}\n"
        yield f"+++ {'/dev/null' if file.new is None else new_name + _tab(new_name)}\n"
        yield from hunks


def _hunks(old: list[str], new: list[str]) -> Iterator[str]:
    """Hunks with three lines of context; what is equal at both ends is not compared again."""
    front = common_start(old, new)
    back = common_start(old[front:][::-1], new[front:][::-1])
    matcher = difflib.SequenceMatcher(a=old[front : len(old) - back], b=new[front : len(new) - back])
    edits = [
        (tag, a + front, b + front, c + front, d + front)
        for tag, a, b, c, d in matcher.get_opcodes()
        if tag != "equal"
    ]
    for group in _groups(edits):
        yield from _hunk(group, old, new)


_Edit = tuple[str, int, int, int, int]


def _groups(edits: Sequence[_Edit]) -> Iterator[list[_Edit]]:
    """Edits whose context would meet share a hunk."""
    group: list[_Edit] = []
    for edit in edits:
        if group and edit[1] - group[-1][2] > 2 * _CONTEXT:
            yield group
            group = []
        group.append(edit)
    if group:
        yield group


def _hunk(group: list[_Edit], old: list[str], new: list[str]) -> Iterator[str]:
    first, last = group[0], group[-1]
    start = max(0, first[1] - _CONTEXT)
    end = min(len(old), last[2] + _CONTEXT)
    new_start = first[3] - (first[1] - start)
    new_end = last[4] + (end - last[2])
    yield f"@@ -{_span(start, end)} +{_span(new_start, new_end)} @@\n"
    at = start
    for _, old_start, old_end, added_start, added_end in group:
        yield from _marked(" ", old[at:old_start])
        yield from _marked("-", old[old_start:old_end])
        yield from _marked("+", new[added_start:added_end])
        at = old_end
    yield from _marked(" ", old[at:end])


def _marked(tag: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        yield f"{tag}{line}" if line.endswith("\n") else f"{tag}{line}\n{_NO_NEWLINE}"


def _span(start: int, end: int) -> str:
    count = end - start
    first = start + 1 if count else start
    return str(first) if count == 1 else f"{first},{count}"


def common_start(old: list[str], new: list[str]) -> int:
    """How many lines both begin with."""
    count = 0
    for before, after in zip(old, new, strict=False):
        if before != after:
            break
        count += 1
    return count


def _lines(text: str) -> list[str]:
    """Lines with their line feeds; nothing else ends a line for git."""
    lines = text.split("\n")
    last = lines.pop()
    return [f"{line}\n" for line in lines] + ([last] if last else [])


def _quoted(name: str) -> str:
    """A name as git reads it; one with control characters, quotes or backslashes is quoted in the manner of C."""
    if not any(character in _ESCAPES or not character.isprintable() for character in name):
        return name
    escaped = (
        _ESCAPES.get(c, c if c.isprintable() else "".join(f"\\{byte:03o}" for byte in c.encode()))
        for c in name
    )
    return f'"{"".join(escaped)}"'


def _tab(name: str) -> str:
    """A tab ends a name that has blanks."""
    return "\t" if " " in name and not name.startswith('"') else ""
