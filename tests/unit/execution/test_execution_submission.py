"""Names of runs."""

from swe_ai_fleet.execution.ray_submission import JobState, submission_id_of


def test_one_key_has_one_id_an_attempt() -> None:
    assert submission_id_of("d1") == submission_id_of("d1", attempt=1)
    assert len({submission_id_of("d1"), submission_id_of("d2"), submission_id_of("d1", attempt=2)}) == 3


def test_what_has_ended_is_final() -> None:
    assert {state for state in JobState if not state.is_final} == {JobState.PENDING, JobState.RUNNING}
