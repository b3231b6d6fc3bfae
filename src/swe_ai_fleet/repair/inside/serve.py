"""The harness: warm (the suite imported once) or cold (imported by every candidate)."""

import gc
import platform
import sys
import threading
from pathlib import Path

from .channel import Channel
from .cold import Cold, ServeSuite
from .suites import Suite
from .warm import Warm


def main() -> None:
    """Take the line over, read what is wanted, and serve it until the fleet hangs up."""
    sys.dont_write_bytecode = True
    channel = Channel()
    wanted = channel.receive()
    if wanted is None:
        return
    serve_suite = _framework(wanted["framework"])
    root = Path.cwd()
    if wanted["mode"] == "cold":
        channel.send(ready=True, python=platform.python_version())
        Cold(root, serve_suite, wanted["args"], channel).serve()
        return

    def serve(suite: Suite) -> None:
        channel.send(ready=True, python=platform.python_version(), tests=suite.ids, errors=suite.errors,
                     threads=threading.active_count() - 1)  # fmt: skip
        gc.collect()
        warm = Warm(root, suite, channel)
        gc.freeze()
        warm.serve()

    why = serve_suite(wanted["args"], serve)
    if why is not None:
        channel.send(ready=False, why=why)


def _framework(name: str) -> ServeSuite:
    """Imported late: only what the suite needs has to be installed."""
    if name == "pytest":
        from .pytest_suite import serve_pytest  # noqa: PLC0415

        return serve_pytest
    from .unittest_suite import serve_unittest  # noqa: PLC0415

    return serve_unittest
