"""What a proposal wants changed, file by file, before it meets the files."""

from dataclasses import dataclass
from typing import Literal

Tag = Literal[" ", "-", "+"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a hunk: kept, removed or added; without its line end."""

    tag: Tag
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """Lines to find, and what they become."""

    label: str
    """What to call it in an error."""
    lines: tuple[Line, ...]
    near: int | None = None
    """The line, counted from 0, where the old text should begin; None where nothing says."""
    must_be_unique: bool = False
    """Refuse when the old text is in several places."""
    ends_without_newline: bool | None = None
    """Whether the new file's last line has no line end; None: as the old one."""

    @property
    def old(self) -> list[str]:
        """The text to find."""
        return [line.text for line in self.lines if line.tag != "+"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Hunks for an existing file; for a file that is not there, its only hunk is the whole text."""

    path: str
    hunks: tuple[Hunk, ...]
    mode: str | None = None
    """The new mode, where the diff gives one."""
    moved_from: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """A whole file, new or in place of the old."""

    path: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remove:
    """A file to delete."""

    path: str


Edit = Change | Replace | Remove
