"""Commands on the wire: what one version of the fleet submits, another one may serve."""

import json

import pytest
from story import T0, task

from swe_ai_fleet.errors import InputError
from swe_ai_fleet.messaging.command_message import decode_command
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
