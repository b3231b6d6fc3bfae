"""Signals of a process that is a driver of Ray."""

from importlib import import_module
from typing import Any


def keep_sigterm() -> None:
    """Have SIGTERM go on meaning what it meant; call it before connecting.

    Ray would count it among the crashes, print its stack and, where it comes at a bad moment, abort.
    """
    constants: Any = import_module("ray._private.ray_constants")
    # As the variable of that name does, which was read when Ray was imported.
    constants.RAY_DISABLE_FAILURE_SIGNAL_HANDLER = True
