"""The function that watched conditions call."""

import builtins
from typing import Any

_NAME = "__fleet_watch__"
_seen: set[bool] = set()


def install() -> None:
    """Make it known to all code of this process."""
    setattr(builtins, _NAME, _watch)


def _watch(value: Any) -> Any:
    _seen.add(bool(value))
    return value


def seen() -> list[bool]:
    """The truth values that came by in this process."""
    return sorted(_seen)
