"""Unified diffs as people and models write them: wrong counts, missing prefixes, prose around them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from swe_ai_fleet.errors import PatchError
from swe_ai_fleet.sandbox.patches.edits import Change, Edit, Hunk, Line, Remove, Tag

_HUNK = re.compile(r"^@@+(?:\s+-(\d+)(?:,(\d+))?\s+\+(\d+)(?:,(\d+))?\s+@@+)?")
_ANY_HUNK = re.compile(r"^@@", re.MULTILINE)
_ANY_HEADER = re.compile(r"^(?:--- |diff --git )", re.MULTILINE)
_ANY_EXTENDED = re.compile(r"^(?:deleted file mode|rename from|new mode|new file mode) ", re.MULTILINE)
_NOTHING = "/dev/null"
_NO_NEWLINE = "\\"
_MODES = ("new file mode ", "new mode ")


def is_unified(text: str) -> bool:
    """It has a hunk and a file header."""
    return bool(_ANY_HUNK.search(text) and _ANY_HEADER.search(text)) or bool(_ANY_EXTENDED.search(text))


@dataclass(slots=True, kw_only=True)
class _File:
    """One file of the diff while it is read."""

    old: str = ""
    new: str = ""
    mode: str | None = None
    is_deleted: bool = False
    hunks: list[Hunk] = field(default_factory=list)

    def finish(self) -> Edit:
        if self.is_deleted or self.new == _NOTHING:
            return Remove(path=self.old)
        moved = self.old if self.old not in (_NOTHING, self.new, "") else None
        return Change(path=self.new, hunks=tuple(self.hunks), mode=self.mode, moved_from=moved)


def parse_unified(text: str) -> list[Edit]:
    """The edits of a diff; prefixes ``a/`` and ``b/`` are removed where they are used.

    Raises:
        PatchError: a hunk belongs to no file.
    """
    reader = _Reader(lines=text.split("\n"))
    return [_without_prefix(file).finish() for file in reader.files()]


@dataclass(slots=True, kw_only=True)
class _Reader:
    lines: Sequence[str]
    at: int = 0
    text_at: int = 0
    """The next line with text, as far as it was looked for."""

    def files(self) -> Iterator[_File]:
        """Every file that the diff changes, in order."""
        file: _File | None = None
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.startswith("diff --git ") or self._is_header():
                if file is not None:
                    yield file
                file = self._header()
            elif line.startswith("@@"):
                if file is None:
                    raise PatchError(f"line {self.at + 1} of the diff: a hunk without a file name before it")
                file.hunks.append(
                    self._hunk(len(file.hunks) + 1, file.new if file.new != _NOTHING else file.old)
                )
            else:
                self.at += 1
        if file is not None:
            yield file

    def _is_header(self) -> bool:
        following = self.lines[self.at + 1] if self.at + 1 < len(self.lines) else ""
        return self.lines[self.at].startswith("--- ") and following.startswith("+++ ")

    def _header(self) -> _File:
        """The lines before the first hunk of a file."""
        file = _File()
        line = self.lines[self.at]
        if line.startswith("diff --git "):
            file.old, file.new = _names_of(line[len("diff --git ") :].rstrip())
            self.at += 1
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if self._is_header():
                file.old, file.new = _name(line[4:]), _name(self.lines[self.at + 1][4:])
                self.at += 2
                return file
            if line.startswith(("@@", "diff --git ")):
                return file
            self._extended(file, line)
            self.at += 1
        return file

    @staticmethod
    def _extended(file: _File, line: str) -> None:
        if line.startswith("deleted file mode "):
            file.is_deleted = True
        elif line.startswith(_MODES):
            file.mode = line.rsplit(maxsplit=1)[-1]
        elif line.startswith(("rename from ", "copy from ")):
            file.old = f"a/{line.rstrip().split(' ', 2)[2]}"
        elif line.startswith(("rename to ", "copy to ")):
            file.new = f"b/{line.rstrip().split(' ', 2)[2]}"
        elif line.startswith(("Binary files ", "GIT binary patch")):
            raise PatchError(f"{file.new}: binary patches are not taken")

    def _hunk(self, number: int, path: str) -> Hunk:
        found = _HUNK.match(self.lines[self.at])
        assert found is not None
        self.at += 1
        old_left, new_left = _count(found[1], found[2]), _count(found[3], found[4])
        lines: list[Line] = []
        bare_end: bool | None = None
        while self.at < len(self.lines):
            line = self.lines[self.at]
            done = old_left <= 0 and new_left <= 0
            if line.startswith(_NO_NEWLINE):
                bare_end = lines[-1].tag != "-" if lines else None
                if lines and lines[-1].tag == "-":
                    bare_end = False
            elif (tag := self._tag(line, is_done=done)) is None:
                break
            else:
                lines.append(Line(tag=tag, text=line[1:] if line[:1] == tag else line))
                old_left -= tag != "+"
                new_left -= tag != "-"
            self.at += 1
        near = None if found[1] is None else max(0, int(found[1]) - 1)
        label = f"{_shown(path)}, hunk {number}"
        return Hunk(label=label, lines=tuple(lines), near=near, ends_without_newline=bare_end)

    def _tag(self, line: str, *, is_done: bool) -> Tag | None:
        """What kind of line this is, or None where the hunk has ended."""
        if line.startswith(("@@", "diff --git ")) or (is_done and self._is_header()):
            return None
        if line[:1] == "+":
            return "+"
        if line[:1] == "-":
            return "-"
        if line[:1] == " ":
            return " "
        if is_done or self.at == len(self.lines) - 1:
            return " " if not line.strip() and self._goes_on() else None
        return " "  # a context line that has lost its blank

    def _goes_on(self) -> bool:
        """After blank lines, the hunk continues: its counts were too small."""
        self.text_at = max(self.text_at, self.at)
        while self.text_at < len(self.lines) and not self.lines[self.text_at].strip():
            self.text_at += 1
        line = self.lines[self.text_at] if self.text_at < len(self.lines) else ""
        return line[:1] in (" ", "+", "-") and not line.startswith(("--- ", "+++ "))


def _count(start: str | None, count: str | None) -> int:
    if start is None:
        return 0
    return 1 if count is None else int(count)


def _name(text: str) -> str:
    """A file name of a header line, without its time stamp and its quotes."""
    name = text.split("\t", maxsplit=1)[0].rstrip()
    return _unquoted(name) if name.startswith('"') else name


def _names_of(text: str) -> tuple[str, str]:
    """Both names of a ``diff --git`` line; they are the same but for the prefix."""
    if text.startswith('"'):
        old, _, new = text.partition('" ')
        return _name(old + '"'), _name(new)
    middle = text.find(" b/")
    if middle < 0:
        old, _, new = text.partition(" ")
        return old, new
    return text[:middle], text[middle + 1 :]


def _unquoted(name: str) -> str:
    """Git's quoting of unusual names: C escapes, bytes in octal."""
    inner = name.strip('"')
    raw = inner.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")
    return raw.decode(errors="replace")


def _without_prefix(file: _File) -> _File:
    """Remove ``a/`` and ``b/`` where both names, or the only one, carry them."""
    names = [("a/", file.old), ("b/", file.new)]
    used = [name.startswith(prefix) for prefix, name in names if name not in (_NOTHING, "")]
    if used and all(used):
        file.old, file.new = _shown(file.old), _shown(file.new)
    return file


def _shown(path: str) -> str:
    return path[2:] if path.startswith(("a/", "b/")) else path
