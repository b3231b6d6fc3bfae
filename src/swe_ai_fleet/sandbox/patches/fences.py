"""Fenced blocks of Markdown, and the paths that stand at them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from swe_ai_fleet.sandbox.patches.edits import Replace

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_PATH = re.compile(r"(?:[\w@+.-]+/)*[\w@+.-]*\w\.?[\w+-]*")
_LABEL = re.compile(r"^(?:#+\s*|[-*]\s+|\d+\.\s+)?(?:(?:new\s+)?file(?:name)?|path)?\s*:?\s*", re.IGNORECASE)
_COMMENT = re.compile(r"(?:#|//|--|;|<!--|/\*)\s*(?:file(?:name)?\s*:\s*)?", re.IGNORECASE)
_BARE = frozenset(("Makefile", "Dockerfile", "Jenkinsfile", "Procfile", "LICENSE", "Gemfile", "Rakefile"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Fence:
    """One fenced block."""

    info: str
    """What stands behind the opening fence."""
    before: str
    """The last line of text before it that is not blank."""
    text: str
    """The content, every line with its line end."""


def fences(content: str) -> Iterator[Fence]:
    """All fenced blocks in order; a block that is never closed reaches to the end."""
    mark, info, before, last = "", "", "", ""
    lines: list[str] = []
    for line in content.split("\n"):
        bare = line.rstrip("\r")
        found = _FENCE.match(bare)
        behind = "" if found is None else bare[found.end() :].strip(" \t")
        if not mark and found is not None:
            mark, info = found[1], behind
            before, lines = last, []
        elif mark and found is not None and found[1].startswith(mark) and not behind:
            yield Fence(info=info, before=before, text="".join(f"{text}\n" for text in lines))
            mark = last = ""
        elif mark:
            lines.append(line)
        elif bare.strip():
            last = bare.strip()
    if mark:
        yield Fence(info=info, before=before, text="".join(f"{text}\n" for text in lines).removesuffix("\n"))


def whole_files(content: str) -> list[Replace]:
    """Every fenced block whose path is named: in its info, in the line before it, or in a comment on its first line."""
    found: list[Replace] = []
    for fence in fences(content):
        path = _path_in_info(fence.info) or path_in_line(fence.before)
        if path is not None:
            found.append(Replace(path=path, text=fence.text))
            continue
        first, _, rest = fence.text.partition("\n")
        path = _path_in_comment(first)
        if path is not None:
            found.append(Replace(path=path, text=rest))
    return found


def _path_in_info(info: str) -> str | None:
    for word in reversed(info.split()):
        candidate = word.rpartition("=")[2].strip("\"'{}()")
        candidate = candidate.rpartition(":")[2]
        if looks_like_path(candidate):
            return candidate
    return None


def _path_in_comment(line: str) -> str | None:
    text = line.strip()
    opening = _COMMENT.match(text)
    if opening is None:
        return None
    path = text[opening.end() :].removesuffix("-->").removesuffix("*/").rstrip()
    return path if looks_like_path(path) else None


def path_in_line(line: str) -> str | None:
    """The path that a heading or label consists of, or None."""
    text = _LABEL.sub("", line.strip().strip("*_ "), count=1).strip("*_ ")
    quoted = re.search(r"`([^`\s]+)`", line)
    if quoted is not None and looks_like_path(quoted[1]):
        return quoted[1]
    text = text.rstrip(":").strip("`*\"' ")
    return text if looks_like_path(text) else None


def looks_like_path(text: str) -> bool:
    """One word that may name a file: it has a folder or a suffix, or is one of the usual bare names."""
    if not text or len(text) > 500 or any(character.isspace() for character in text):
        return False
    if text in _BARE:
        return True
    name = text.rpartition("/")[2]
    stem, dot, suffix = name.rpartition(".")
    has_suffix = bool(dot and suffix.isalnum() and (stem or suffix) and not text.startswith("http"))
    return has_suffix or ("/" in text and bool(_PATH.fullmatch(text)))
