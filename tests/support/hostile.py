"""What hostile code tries from inside the sandbox, from a text file that reads like the code it is."""

import re
from pathlib import Path
from typing import NamedTuple

_HEADER = re.compile(r"^## ([\w-]+) \| ([^|\n]+?) \|(.*)$", re.MULTILINE)
_PRELUDE = """
import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def won(what=''): print('ESCAPED', what, flush=True)
def sys_call(*arguments):
    return libc.syscall(*[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
"""


class Hostile(NamedTuple):
    """One attempt; it prints ESCAPED when it gets what it wants."""

    name: str
    tries: str
    killed_by: tuple[str, ...]
    """The limits of which one must end it; empty: it may end as it likes."""
    code: str

    def program(self, **places: object) -> str:
        """The whole program, with what is worth having on this machine filled in."""
        code = self.code
        for name, value in places.items():
            code = code.replace(f"<{name}>", str(value))
        return _PRELUDE + code


def hostile_commands(path: Path) -> list[Hostile]:
    """All attempts of a file."""
    _, *parts = _HEADER.split(path.read_text())
    return [
        Hostile(name=name, tries=tries, killed_by=tuple(limits.split()), code=code.strip("\n") + "\n")
        for name, tries, limits, code in zip(parts[0::4], parts[1::4], parts[2::4], parts[3::4], strict=True)
    ]
