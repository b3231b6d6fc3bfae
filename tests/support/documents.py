"""Reading a page of documentation as something that can be run.

A block that a reader may type, ```` ```console ````, stands after a comment that says whether the tests run it::

    <!-- run -->                           commands after ``$``, and the output to expect (``...`` matches anything)
    <!-- run, output varies -->            the output shown is an example
    <!-- not run by the tests: reason -->
    <!-- file: path -->                    before a block of any language: the reader saves it there
"""

import re
from dataclasses import dataclass
from pathlib import Path

_BLOCK = re.compile(
    r"(?:<!-- (?P<mark>[^>]*?) -->\n)?```(?P<language>\w+)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE
)
_VARIES = "run, output varies"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block and the comment right before it."""

    language: str
    mark: str
    body: str

    @property
    def runs(self) -> bool:
        """The tests type it."""
        return self.mark in {"run", _VARIES}

    @property
    def file(self) -> str | None:
        """Where the reader saves it."""
        return self.mark.removeprefix("file: ") if self.mark.startswith("file: ") else None

    @property
    def commands(self) -> list[tuple[str, str]]:
        """Each command with the output shown under it; empty where the output is an example."""
        found: list[tuple[str, str]] = []
        for line in self.body.splitlines(keepends=True):
            if line.startswith("$ "):
                found.append((line[2:].strip(), ""))
            elif found and self.mark != _VARIES:
                found[-1] = (found[-1][0], found[-1][1] + line)
        return found


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a page, in order."""
    return [
        Block(language=found["language"], mark=found["mark"] or "", body=found["body"])
        for found in _BLOCK.finditer(page.read_text(encoding="utf-8"))
    ]
