"""What Ray prints, turned into log events: this program's stdout belongs to its results."""

from importlib import import_module
from typing import Any

import structlog

_log = structlog.get_logger(__name__)


def log_what_ray_prints() -> None:
    """Send messages of Ray's own processes to the log.

    ``log_to_driver=False`` keeps the output of workers away, but Ray prints the errors of its raylets to the stdout of
    every driver all the same, through a function that is replaced here.
    """
    worker: Any = import_module("ray._private.worker")
    worker.print_to_stdstream = _log_batch


def _log_batch(data: dict[str, Any], ignore_prefix: bool = False) -> None:  # noqa: FBT001, FBT002 - Ray's own
    for line in data["lines"]:
        _log.warning("ray.reported", source=data["pid"], message=line)
