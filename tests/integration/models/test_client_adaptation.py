"""One client for servers of different ages and makers."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import validate
from scripted_models import ask

from swe_ai_fleet.errors import ModelRequestError
from swe_ai_fleet.models.openai_client import OpenAICompatibleClient
from swe_ai_fleet.models.simulated import SimulatedModelServer, Traits

Connect = Callable[..., OpenAICompatibleClient]
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"why": {"type": "string", "maxLength": 80}, "score": {"type": "number", "minimum": 0}},
    "required": ["why", "score"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("refuses", "sends"),
    [
        ({"logprobs"}, {}),
        ({"seed"}, {"seed": 3}),
        ({"temperature"}, {}),
        ({"max_tokens"}, {}),
        ({"priority"}, {}),
        ({"maxLength"}, {"json_schema": SCHEMA}),
        ({"response_format"}, {"json_schema": SCHEMA}),
        ({"stream_options"}, {}),
        ({"logprobs", "seed", "temperature", "max_tokens", "priority", "response_format"}, {"seed": 1}),
    ],
)
async def test_a_refused_field_is_left_out_and_the_second_call_needs_no_second_try(
    server: SimulatedModelServer, connect: Connect, refuses: set[str], sends: dict[str, Any]
) -> None:
    server.traits = Traits(refuses=frozenset(refuses))
    client = connect(
        streams="stream_options" in refuses, sends_priority="priority" in refuses, sends_seed=True
    )
    first = await client.complete(ask(**sends))
    assert first.attempts > 1
    second = await client.complete(ask("again", **sends))
    assert second.attempts == 1


async def test_a_rejection_that_is_about_no_field_is_raised_at_once(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.traits = Traits(refuses=frozenset({"messages"}))
    with pytest.raises(ModelRequestError, match="messages"):
        await connect().complete(ask())
    assert server.counts.requests == 1


async def test_a_relaxed_schema_still_gives_an_instance_of_the_shape(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.traits = Traits(refuses=frozenset({"maxLength"}))
    completion = await connect().complete(ask(json_schema=SCHEMA))
    validate(json.loads(completion.text), SCHEMA)
    assert completion.attempts == 2
