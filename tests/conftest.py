"""What holds for every test."""

import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A test that sets up the logs, to its own captured stderr, leaves nothing behind. Some run without structlog."""
    yield
    if "structlog" in sys.modules:
        sys.modules["structlog"].reset_defaults()
