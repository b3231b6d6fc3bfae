"""Commands on the wire: what one version of the fleet submits, another one may serve."""

import json

import pytest
from story import T0, task

from swe_ai_fleet.errors import InputError
from swe_ai_fleet.messaging.command_message import decode_command, deliberation_of
from swe_ai_fleet.ports.record import Command

COMMAND = Command(deliberation_id="d1", task=task(), seed=7, time=T0)


def test_a_command_comes_back_as_it_was() -> None:
    assert decode_command(COMMAND.model_dump_json().encode()) == COMMAND


def test_a_worker_serves_a_command_of_a_newer_submitter() -> None:
    document = json.loads(COMMAND.model_dump_json())
    document["task"]["council"]["mood"] = "generous"
    assert decode_command(json.dumps(document).encode()) == COMMAND


def test_a_broken_command_is_named_with_the_field_that_is_wrong() -> None:
    document = json.loads(COMMAND.model_dump_json())
    document["task"]["council"]["agents"] = "many"
    with pytest.raises(InputError, match=r"task\.council\.agents"):
        decode_command(json.dumps(document).encode())


@pytest.mark.parametrize("name", ["team.a.42", "", "a" * 65, "a:b"])
def test_an_id_that_cannot_stand_in_a_subject_is_no_command(name: str) -> None:
    document = json.loads(COMMAND.model_dump_json()) | {"deliberation_id": name}
    with pytest.raises(InputError, match="deliberation_id"):
        decode_command(json.dumps(document).encode())


def test_a_message_that_is_nested_without_end_names_no_deliberation() -> None:
    assert deliberation_of(b"[" * 100_000) == ""
