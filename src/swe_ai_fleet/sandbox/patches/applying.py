"""Applying hunks to a text, keeping its formatting."""

from collections.abc import Sequence
from dataclasses import replace

from swe_ai_fleet.sandbox.patches.edits import Hunk
from swe_ai_fleet.sandbox.patches.matching import Place, find_place
from swe_ai_fleet.sandbox.patches.text import BOM, TextFile


def apply_hunks(text: str, hunks: Sequence[Hunk]) -> str:
    """The text after all hunks, which come in the order of the file.

    Kept lines stay as the file has them, blanks and line ends included; added lines take the line end of their
    neighbours. The last line keeps or lacks its end as before unless a hunk says otherwise.

    Raises:
        PatchError: a hunk has no place; the message names it.
    """
    file = TextFile.of(text)
    has_bom = _keeps_bom(file, hunks)
    lines: list[str] = []
    ends: list[str] = []
    taken, shift = 0, 0
    for hunk in hunks:
        place = find_place(file.lines, _bare(hunk), after=taken, shift=shift)
        lines += file.lines[taken : place.start]
        ends += file.ends[taken : place.start]
        taken = _weave(file, place, lines, ends)
        if place.hunk.near is not None:
            shift = place.start - place.hunk.near
    lines += file.lines[taken:]
    ends += file.ends[taken:]
    _settle_last_end(file, hunks, ends, reaches_end=taken == len(file.lines))
    return TextFile(lines=tuple(lines), ends=tuple(ends), has_bom=has_bom).join()


def _bare(hunk: Hunk) -> Hunk:
    """Without byte order marks, which are no part of a line."""
    if not any(line.text.startswith(BOM) for line in hunk.lines):
        return hunk
    return replace(hunk, lines=tuple(replace(line, text=line.text.removeprefix(BOM)) for line in hunk.lines))


def _keeps_bom(file: TextFile, hunks: Sequence[Hunk]) -> bool:
    """Whether the new text begins with a byte order mark: as before, unless a hunk takes it away or adds it."""
    marked = {line.tag for hunk in hunks for line in hunk.lines if line.text.startswith(BOM)}
    return "+" in marked or (file.has_bom and "-" not in marked)


def _weave(file: TextFile, place: Place, lines: list[str], ends: list[str]) -> int:
    """Add the hunk's outcome; the first line of the file that comes after it."""
    at = place.start
    shown, real = place.indent
    means_it = _means_its_returns(file, place)
    shows = any(text.endswith("\r") for text in place.hunk.old)
    style = "\n" if means_it and shows else _line_end(file, place)
    for line in place.hunk.lines:
        if line.tag == " ":
            lines.append(file.lines[at])
            ends.append(file.ends[at])
        elif line.tag == "+":
            text = line.text.removesuffix("\r")
            if shown != real and text.strip() and text.startswith(shown):
                text = real + text[len(shown) :]
            lines.append(text)
            ends.append("\r\n" if means_it and line.text.endswith("\r") else style)
        at += line.tag != "+"
    return at


def _means_its_returns(file: TextFile, place: Place) -> bool:
    """The hunk's old lines show a carriage return only where the file has one, so its new lines mean theirs.

    A proposal whose lines have all picked one up on their way says nothing about line ends.
    """
    have = file.ends[place.start : place.start + len(place.hunk.old)]
    return all(
        end == "\r\n" or not text.endswith("\r") for text, end in zip(place.hunk.old, have, strict=False)
    )


def _line_end(file: TextFile, place: Place) -> str:
    """What ends an added line where the hunk does not say: the line end of most lines that it was found at."""
    found = [end for end in file.ends[place.start : place.start + len(place.hunk.old)] if end]
    if not found:
        return file.end_near(place.start)
    return "\r\n" if 2 * found.count("\r\n") > len(found) else "\n"


def _settle_last_end(file: TextFile, hunks: Sequence[Hunk], ends: list[str], *, reaches_end: bool) -> None:
    """Give every line but the last an end, and the last one what it should have."""
    for index in range(len(ends) - 1):
        if not ends[index]:
            ends[index] = file.end_near(0)
    if not ends or not reaches_end:
        return
    says = hunks[-1].ends_without_newline if hunks else None
    bare = not file.ends_with_newline if says is None else says
    if bare and (says or file.lines):
        ends[-1] = ""
    elif not ends[-1]:
        ends[-1] = file.end_near(0)


def new_text(hunk: Hunk) -> str:
    """The text of a file that was not there: all that the hunk adds."""
    text = "".join(f"{line.text}\n" for line in hunk.lines if line.tag != "-")
    return text.removesuffix("\n") if hunk.ends_without_newline else text
