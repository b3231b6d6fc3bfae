"""Text that agents, tasks and patches bring, made safe to show: a terminal must not obey it."""

import re

_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, escape among them; tab and newline stay
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that turn the direction of text around
    "\u2028\u2029\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """The text with every character that a terminal or a reader could be misled by written as its code."""
    return _UNSAFE.sub(_code, text.replace("\r\n", "\n"))


def one_line(text: str, width: int) -> str:
    """The text as one printable line of at most ``width`` characters; ``…`` stands for what is left out."""
    line = " ".join(printable(text).split())
    return line if len(line) <= width else line[: max(0, width - 1)].rstrip() + "…"


def _code(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"
