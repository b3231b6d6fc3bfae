"""Logging follows stderr wherever it goes."""

import io
import json
import sys
from collections.abc import Iterator

import pytest
import structlog

from swe_ai_fleet.logs import configure_logs


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_a_stderr_that_was_closed_after_the_set_up_is_not_written_to(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr(sys, "stderr", first)
    configure_logs("info", "json")
    log = structlog.get_logger("test")
    first.close()
    monkeypatch.setattr(sys, "stderr", second)
    log.info("proposal.submitted", tokens=3)
    assert json.loads(second.getvalue())["event"] == "proposal.submitted"


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("warning", "json")
    structlog.get_logger("test").info("proposal.submitted")
    assert capsys.readouterr().err == ""
