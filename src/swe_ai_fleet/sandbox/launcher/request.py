"""What the fleet asks the launcher for; travels as JSON."""

from dataclasses import dataclass
from typing import Literal

Engine = Literal["namespaces", "bubblewrap", "landlock", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The limits of one command, in the launcher's own words."""

    wall_s: float
    cpu_s: float
    memory_bytes: int
    processes: int
    file_bytes: int
    disk_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What the command sees of the file system; the same absolute paths inside and outside."""

    readable: tuple[str, ...]
    """Bound read-only; a symbolic link is made again as one; what is missing is passed over."""
    writable: tuple[str, ...]
    held: tuple[str, ...]
    """Files below a writable folder that stay as they are, where the engine can hold them."""
    files: dict[str, str]
    """Small files that are made up, by path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One command to run contained."""

    engine: Engine
    argv: tuple[str, ...]
    env: dict[str, str]
    folder: str
    caps: Caps
    view: View
    bubblewrap: str = ""
    """Path of bwrap, where it is the engine."""


def parse(document: dict[str, object]) -> Request:
    """From the fleet's own JSON, which is trusted."""
    fields: dict[str, object] = dict(document)
    caps, view = fields.pop("caps"), fields.pop("view")
    assert isinstance(caps, dict)
    assert isinstance(view, dict)
    for name in ("readable", "writable", "held"):
        view[name] = tuple(view[name])
    argv = fields.pop("argv")
    assert isinstance(argv, list)
    return Request(argv=tuple(argv), caps=Caps(**caps), view=View(**view), **fields)  # type: ignore[arg-type]  # own JSON
