"""The published schemas are those of the models, and what the fleet prints is valid by them."""

import json
from pathlib import Path

import jsonschema
import pytest
from story import Story

from swe_ai_fleet.cli.main import main
from swe_ai_fleet.cli.schemas import schema_of, schema_text
from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.orchestrator.usecases.result import rebuild

SCHEMAS = Path(__file__).parents[3] / "schemas"


@pytest.mark.parametrize("name", ["task", "result", "event"])
def test_the_committed_schema_is_in_step(name: str) -> None:
    committed = (SCHEMAS / f"{name}.schema.json").read_text()
    assert committed == schema_text(name), "run: swe-fleet schema --out schemas"


@pytest.mark.parametrize("name", ["task", "result", "event"])
def test_a_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(name))


def check(document: str, name: str) -> None:
    jsonschema.Draft202012Validator(schema_of(name)).validate(json.loads(document))


def test_results_and_events_are_valid() -> None:
    told = Story()
    events: list[Event] = [
        told.requested(),
        told.started(),
        told.base(),
        told.proposed(0),
        told.checked(0, passed=True),
    ]
    for event in events:
        check(event.model_dump_json(), "event")
    check(rebuild(events).model_dump_json(), "result")
    bare = Result(
        deliberation_id="d", task_id="t", outcome=DeliberationOutcome.CANCELLED, seed=1, duration_s=0.0
    )
    check(bare.model_dump_json(), "result")


def test_a_task_is_valid_or_not() -> None:
    check('{"description": "x", "council": {"agents": 3}}', "task")
    with pytest.raises(jsonschema.ValidationError):
        check('{"description": "x", "zzz": 3}', "task")


def test_the_command_prints_and_writes_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "result"]) == 0
    assert capsys.readouterr().out == schema_text("result")
    assert main(["schema", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "event.schema.json",
        "result.schema.json",
        "task.schema.json",
    ]
    assert main(["schema"]) == 2
