"""Globs over paths: ``*`` within one folder, ``**`` across folders; a folder's name stands for all below it."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache


def matching(paths: Iterable[str], globs: Sequence[str]) -> tuple[str, ...]:
    """The paths that match at least one glob, sorted."""
    return tuple(sorted({path for path in paths if any(_pattern(glob).fullmatch(path) for glob in globs)}))


@lru_cache(maxsize=1024)
def _pattern(glob: str) -> re.Pattern[str]:
    glob = glob.removeprefix("./").strip("/")
    parts: list[str] = []
    at = 0
    while at < len(glob):
        if glob.startswith("**/", at):
            parts.append("(?:[^/]+/)*")
            at += 3
        elif glob.startswith("**", at):
            parts.append(".*")
            at += 2
        else:
            parts.append({"*": "[^/]*", "?": "[^/]"}.get(glob[at], re.escape(glob[at])))
            at += 1
    return re.compile("".join(parts) + "(?:/.*)?", re.DOTALL)
