"""What a job of a Ray cluster prints: lines for people and documents, told apart; and what its ending means."""

import json

import pytest

from swe_ai_fleet.cli.ray_run import (
    Lines,
    documents,
    exit_of_job,
    named_by_content,
    results,
    variables,
)
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.execution.ray_submission import JobState, RayJob

ENDED = {"deliberation_id": "night-t1", "task_id": "t1", "outcome": "decided"}
LOG = f"""\
          starting
   0.00 s night-t1 started
{{"event": "pool.closed", "level": "info"}}
{json.dumps(ENDED)}
{{"broken
{json.dumps({"deliberation_id": "d2", "task_id": "t2", "outcome": "failed"}, indent=2)}
   0.70 s night-t1 \x1b[2Jclosed
"""


def test_documents_are_found_on_one_line_and_on_several() -> None:
    assert [sorted(document) for document in documents(LOG)] == [
        ["event", "level"],
        sorted(ENDED),
        sorted(ENDED),
    ]


def test_only_a_newline_ends_a_line_of_a_document() -> None:
    assert list(documents('{"said": "one\u2028two"}\n')) == [{"said": "one\u2028two"}]


def test_results_are_the_documents_that_tell_an_ending_the_last_of_each_task() -> None:
    again = {**ENDED, "outcome": "cancelled"}
    found = {document["task_id"]: document["outcome"] for document in results(LOG + json.dumps(again) + "\n")}
    assert found == {"t1": "cancelled", "t2": "failed"}


def test_people_are_shown_the_other_lines_made_safe() -> None:
    shown = list(Lines().of(LOG.splitlines()))
    assert [line.split()[-1] for line in shown] == ["starting", "started", "\\x1b[2Jclosed"]


@pytest.mark.parametrize(
    ("state", "code", "exit_code"),
    [
        (JobState.SUCCEEDED, 0, 0),
        (JobState.FAILED, 3, 3),
        (JobState.FAILED, 2, 2),
        (JobState.FAILED, None, 4),
        (JobState.FAILED, -9, 4),
        (JobState.STOPPED, None, 130),
    ],
)
def test_the_exit_code_is_that_of_the_run(state: JobState, code: int | None, exit_code: int) -> None:
    job = RayJob(submission_id="fleet-1", state=state, entrypoint="x", exit_code=code)
    assert exit_of_job(job) == exit_code


def test_another_text_has_another_name() -> None:
    assert named_by_content("tasks", "a", ".jsonl") != named_by_content("tasks", "b", ".jsonl")


def test_variables_are_handed_over_but_no_secrets() -> None:
    assert variables(["FLEET_NATS__URL=nats://x:4222", "A=b=c"]) == {
        "FLEET_NATS__URL": "nats://x:4222",
        "A": "b=c",
    }
    for refused in ("FLEET_NATS__URL", "FLEET_NATS__NKEY_SEED=x", "FLEET_MODELS__VLLM__API_KEY=x", "=x"):
        with pytest.raises(InputError) as told:
            variables([refused])
        assert "=x" not in str(told.value) or refused == "=x"
