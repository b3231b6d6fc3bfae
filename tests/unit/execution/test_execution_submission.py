"""Names of runs, and a dashboard that is away."""

import pytest

from swe_ai_fleet.errors import UnreachableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_submission import JobState, RayJobs, submission_id_of


def test_one_key_has_one_id_an_attempt() -> None:
    assert submission_id_of("d1") == submission_id_of("d1", attempt=1)
    assert len({submission_id_of("d1"), submission_id_of("d2"), submission_id_of("d1", attempt=2)}) == 3


def test_what_has_ended_is_final() -> None:
    assert {state for state in JobState if not state.is_final} == {JobState.PENDING, JobState.RUNNING}


async def test_a_dashboard_that_is_away_is_told_without_its_login() -> None:
    with pytest.raises(UnreachableError, match=r"at http://127\.0\.0\.1:9\. .*Ray says") as caught:
        async with RayJobs.open(RayOptions(dashboard="http://me:opensesame@127.0.0.1:9")):
            pass
    assert "opensesame" not in str(caught.value)
