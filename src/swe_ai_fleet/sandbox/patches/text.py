"""A text file as lines that remember their line ends, so that an edit keeps the file's formatting."""

from dataclasses import dataclass

BOM = "\ufeff"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFile:
    """Lines without their ends, the end of each, and whether the file begins with a byte order mark."""

    lines: tuple[str, ...]
    ends: tuple[str, ...]
    """``\\n``, ``\\r\\n``, or empty for a last line without one."""
    has_bom: bool = False

    @classmethod
    def of(cls, text: str) -> "TextFile":
        """Split at line feeds only, as git does."""
        has_bom = text.startswith(BOM)
        pieces = text.removeprefix(BOM).split("\n")
        last = pieces.pop()
        lines = [piece.removesuffix("\r") for piece in pieces]
        ends = ["\r\n" if piece.endswith("\r") else "\n" for piece in pieces]
        if last:
            lines.append(last)
            ends.append("")
        return cls(lines=tuple(lines), ends=tuple(ends), has_bom=has_bom)

    def join(self) -> str:
        """The text again, byte for byte."""
        body = "".join(line + end for line, end in zip(self.lines, self.ends, strict=True))
        return (BOM if self.has_bom else "") + body

    def end_near(self, at: int) -> str:
        """The line end that a new line at ``at`` should have."""
        for index in (at, at - 1):
            if 0 <= index < len(self.ends) and self.ends[index]:
                return self.ends[index]
        return self.ends[0] if self.ends and self.ends[0] else "\n"

    @property
    def ends_with_newline(self) -> bool:
        """Its last line has a line end; true of an empty file."""
        return not self.ends or bool(self.ends[-1])


def in_the_style_of(text: str, old: str) -> str:
    """A whole new text with the byte order mark, the line ends and the last line's end of the text it replaces."""
    before, after = TextFile.of(old), TextFile.of(text)
    if not before.lines:
        return text
    crlf = sum(end == "\r\n" for end in before.ends) * 2 > len(before.ends)
    ends = ["\r\n" if crlf and end else end for end in after.ends]
    if ends and not before.ends_with_newline and len(after.lines) > 0:
        ends[-1] = ""
    elif ends and not ends[-1]:
        ends[-1] = before.end_near(0)
    return TextFile(lines=after.lines, ends=tuple(ends), has_bom=before.has_bom or after.has_bom).join()
