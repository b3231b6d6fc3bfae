"""Finding where a hunk belongs: exactly, then without regard to blanks, then with less context."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from swe_ai_fleet.errors import PatchError
from swe_ai_fleet.sandbox.patches.edits import Hunk, Line

_MAX_FUZZ = 3
_Normalise = Callable[[str], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a hunk goes, and the hunk with the context that was found."""

    start: int
    hunk: Hunk
    indent: tuple[str, str] = ("", "")
    """What the hunk's lines begin with, and what the file's lines begin with instead."""


def find_place(lines: Sequence[str], hunk: Hunk, *, after: int, shift: int) -> Place:
    """The best place for a hunk.

    Args:
        lines: the file as it was.
        hunk: what to find.
        after: the first line that no earlier hunk has taken.
        shift: how far earlier hunks of the same file lay from where they said.

    Raises:
        PatchError: its old text is not in the file, or is in several places and nothing says which.
    """
    if not hunk.old:
        return _insertion(lines, hunk, after=after)
    normalisers: tuple[_Normalise, ...] = (_same, str.rstrip, str.strip)
    for candidate in _with_less_context(hunk):
        for normalise in normalisers:
            starts = _starts(lines, candidate.old, normalise, after)
            if starts:
                start = _choose(starts, candidate, shift)
                return Place(start=start, hunk=candidate, indent=_indent(lines, candidate, start, normalise))
    raise PatchError(f"{hunk.label}: its old text is not in the file; it begins with {_first(hunk)!r}")


def _same(text: str) -> str:
    return text.removesuffix("\r")


def _first(hunk: Hunk) -> str:
    return next((text for text in hunk.old if text.strip()), hunk.old[0])[:120]


def _insertion(lines: Sequence[str], hunk: Hunk, *, after: int) -> Place:
    """A hunk of added lines alone goes to the line that it names, or to the end of the file where it names none."""
    if not lines:
        return Place(start=0, hunk=hunk)
    if hunk.near is None:
        raise PatchError(f"{hunk.label}: it has no old text, so it cannot be placed in a file that is there")
    start = hunk.near + 1 if hunk.near > 0 or hunk.must_be_unique else hunk.near
    return Place(start=max(after, min(len(lines), start)), hunk=hunk)


def _with_less_context(hunk: Hunk) -> Iterator[Hunk]:
    """The hunk, then the same with up to three outer context lines less at either end, as patch(1) does."""
    yield hunk
    if hunk.must_be_unique:
        return
    for fuzz in range(1, _MAX_FUZZ + 1):
        lines = list(hunk.lines)
        cut = min(fuzz, _leading(lines))
        lines = lines[cut:]
        tail = min(fuzz, _leading(lines[::-1]))
        lines = lines[: len(lines) - tail]
        if any(line.tag != "+" and line.text.strip() for line in lines):
            near = None if hunk.near is None else hunk.near + cut
            yield replace(hunk, lines=tuple(lines), near=near)


def _leading(lines: Sequence[Line]) -> int:
    count = 0
    while count < len(lines) and lines[count].tag == " ":
        count += 1
    return count


def _starts(lines: Sequence[str], old: Sequence[str], normalise: _Normalise, after: int) -> list[int]:
    wanted = [normalise(text) for text in old]
    if normalise is not _same and not any(wanted):
        return []
    return list(_occurrences([normalise(text) for text in lines[after:]], wanted, after))


def _occurrences(have: Sequence[str], wanted: Sequence[str], first: int) -> Iterator[int]:
    """Where ``wanted`` lies in ``have``, whose first line has the number ``first``: looking at every line once.

    Files and hunks may consist of equal lines, so that trying every place would take their product.
    """
    borders = _borders(wanted)
    found = 0
    for number, line in enumerate(have, start=first + 1):
        while found and (found == len(wanted) or line != wanted[found]):
            found = borders[found - 1]
        found += line == wanted[found]
        if found == len(wanted):
            yield number - found


def _borders(wanted: Sequence[str]) -> list[int]:
    """For every beginning, the length of the longest shorter one that it also ends with."""
    borders = [0]
    for line in wanted[1:]:
        length = borders[-1]
        while length and line != wanted[length]:
            length = borders[length - 1]
        borders.append(length + (line == wanted[length]))
    return borders


def _choose(starts: Sequence[int], hunk: Hunk, shift: int) -> int:
    if len(starts) > 1 and hunk.must_be_unique:
        shown = ", ".join(str(start + 1) for start in starts[:5])
        raise PatchError(
            f"{hunk.label}: its old text is in {len(starts)} places (lines {shown}); show more of it"
        )
    if hunk.near is None:
        return starts[0]
    expected = hunk.near + shift
    return min(starts, key=lambda start: abs(start - expected))


def _indent(lines: Sequence[str], hunk: Hunk, start: int, normalise: _Normalise) -> tuple[str, str]:
    """How the file indents what the hunk indents otherwise; only where blanks at the front were passed over."""
    if normalise is not str.strip:
        return ("", "")
    for text, have in zip(hunk.old, lines[start:], strict=False):
        if text.strip():
            return (text[: len(text) - len(text.lstrip())], have[: len(have) - len(have.lstrip())])
    return ("", "")
