"""Takes the key of the record out of a test runner's environment before anything of the repository can be imported.

Python imports this at its start, while the folder that it runs in is not yet on its path. Other programs keep the
variable: they may yet start a test runner.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder

_HERE = __file__.rpartition("/")[0]
_RUNNERS = ("pytest", "py.test", "coverage", "fleet_unittest")


def _program() -> str:
    """The module or script that this Python was started with."""
    words = iter(sys.orig_argv[1:])
    for word in words:
        if word in ("-W", "-X"):
            next(words, "")
        elif word.startswith("-m"):
            return word[2:] or next(words, "")
        elif not word.startswith("-"):
            return word.rpartition("/")[2]
    return ""


def _import_hidden() -> None:
    """The environment's own module of this name, which ours hides."""
    spec = PathFinder.find_spec("sitecustomize", [place for place in sys.path if place != _HERE])
    if spec is not None and spec.loader is not None:
        module = type(sys)(
            "sitecustomize"
        )  # importlib.util would cost every Python of a check some milliseconds
        module.__spec__, module.__file__ = spec, spec.origin
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if _program() in _RUNNERS:
    import fleet_record  # type: ignore[import-not-found]  # beside it, inside the sandbox
    import fleet_watch  # type: ignore[import-not-found]  # noqa: F401  # so that no other can take its name

    fleet_record.Record.take()
_import_hidden()
