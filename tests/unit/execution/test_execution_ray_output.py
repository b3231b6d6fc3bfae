"""The program's stdout stays its own."""

import pytest
from ray._private import worker
from structlog.testing import capture_logs

from swe_ai_fleet.execution.ray_output import log_what_ray_prints


def test_what_ray_would_print_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log_what_ray_prints()
    with capture_logs() as logs:
        worker.print_to_stdstream(
            {"lines": ["A worker died."], "pid": "raylet", "is_err": False}, ignore_prefix=False
        )
    assert capsys.readouterr().out == ""
    assert [(log["event"], log["source"], log["message"]) for log in logs] == [
        ("ray.reported", "raylet", "A worker died.")
    ]
