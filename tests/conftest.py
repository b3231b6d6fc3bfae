"""What holds for every test."""

import importlib.util
import sys
from collections.abc import Iterator

import pytest

if importlib.util.find_spec("hypothesis") is not None:  # the plain agent is tested without it
    from hypothesis import settings

    settings.register_profile("whatever the machine", deadline=None)
    settings.load_profile("whatever the machine")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A test that sets up the logs, to its own captured stderr, leaves nothing behind. Some run without structlog."""
    yield
    if "structlog" in sys.modules:
        sys.modules["structlog"].reset_defaults()
