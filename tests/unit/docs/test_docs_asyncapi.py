"""The AsyncAPI document describes the messages that are really sent."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from story import T0, Story, task

from fleet_docs.asyncapi import address, asyncapi, event_models, schemas, type_of
from fleet_docs.targets import targets
from swe_ai_fleet.domain.events import EVENT_TYPES, Closed, Event, Ranked
from swe_ai_fleet.domain.outcome import Crashed, DeliberationOutcome, TimedOut
from swe_ai_fleet.domain.ranking import RankedProposal, Ranking, Result, Winner
from swe_ai_fleet.messaging.envelope import encode_event, encode_reference
from swe_ai_fleet.messaging.streams import EVENTS, stream_declarations
from swe_ai_fleet.messaging.subjects import event_subject

ROOT = Path(__file__).parents[3]


def told() -> list[Event]:
    """At least one event of every type."""
    story = Story(task(rounds=1))
    common = {"deliberation_id": "d1", "task_id": "reorder", "num_agents": 3, "time": T0}
    place = RankedProposal(
        place=1,
        proposal_id="dev-1.0",
        agent_id="dev-1",
        role="DEV",
        model="m:n",
        round=0,
        support=1,
        p_correct=1,
    )
    winner = Winner(
        proposal_id="dev-1.0", agent_id="dev-1", role="DEV", model="m:n", content="fix", patch="diff"
    )
    result = Result(
        deliberation_id="d1",
        task_id="reorder",
        outcome=DeliberationOutcome.DECIDED,
        seed=7,
        duration_s=2.5,
        winner=winner,
        ranking=(place,),
    )
    return [
        story.requested(),
        story.started(),
        story.base(),
        story.proposed(0),
        story.checked(0, passed=True),
        story.failed(1),
        story.failed(2, TimedOut(after_s=3)),
        story.failed(0, Crashed(reason="gone"), round_=1),
        story.cut(["dev-1.0"]),
        story.critiqued(0, 1),
        story.revised(1),
        story.learnt(2),
        story.cancelled(),
        Ranked(ranking=Ranking(ranking=(place,)), **common),
        Closed(outcome=result.outcome, result=result, **common),
    ]


def strict(schema: Any) -> Any:
    """The schema, which then also refuses fields that it does not know."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: strict(value) for key, value in schema.items()}
    if isinstance(inner.get("properties"), dict) and inner.get("type") == "object":
        inner.setdefault("additionalProperties", False)
    return inner


def validator(event: Event, *, refuses_unknown: bool = False) -> jsonschema.Draft7Validator:
    found = strict(schemas()) if refuses_unknown else schemas()
    name = f"{type(event).__name__}Event"
    return jsonschema.Draft7Validator(
        {"$ref": f"#/components/schemas/{name}", "components": {"schemas": found}},
        format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER,
    )


def test_the_stories_tell_every_type() -> None:
    assert {event.type for event in told()} == set(EVENT_TYPES)


@pytest.mark.parametrize("event", told(), ids=lambda event: event.type)
def test_messages_are_valid_and_hold_nothing_else(event: Event) -> None:
    message = json.loads(encode_event(event))
    validator(event).validate(message)
    validator(event, refuses_unknown=True).validate(message)


@pytest.mark.parametrize("event", told(), ids=lambda event: event.type)
def test_a_claim_check_is_valid(event: Event) -> None:
    validator(event).validate(json.loads(encode_reference(event, "a" * 64)))


@pytest.mark.parametrize("event", told(), ids=lambda event: event.type)
def test_a_message_without_its_data_is_not_valid(event: Event) -> None:
    message = json.loads(encode_event(event))
    del message["data"]["deliberation_id"]
    with pytest.raises(jsonschema.ValidationError, match="deliberation_id"):
        validator(event).validate(message)


def test_unknown_fields_of_newer_versions_are_valid() -> None:
    for event in told():
        message = json.loads(encode_event(event))
        message["data"]["new"] = message["new"] = 1
        validator(event).validate(message)


@pytest.mark.parametrize("event", told(), ids=lambda event: event.type)
def test_addresses_are_the_subjects(event: Event) -> None:
    model = next(model for model in event_models() if type_of(model) == event.type)
    parts = {"deliberation_id": "d1", "round": event.round, "agent_id": getattr(event, "agent_id", "")}
    expected = address(model).format(**parts)
    if event.type == "round_closed" and event.round == 0:
        expected = expected.removesuffix(".0")
    assert event_subject(event) == expected


def test_every_reference_leads_somewhere() -> None:
    document = asyncapi()

    def references(part: Any) -> list[str]:
        if isinstance(part, dict):
            own = [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            return own + [found for value in part.values() for found in references(value)]
        return [found for item in part for found in references(item)] if isinstance(part, list) else []

    for reference in references(document):
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]


@pytest.mark.parametrize("name", targets())
def test_the_generated_file_is_up_to_date(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == targets()[name], "run `make generated`"


def test_the_document_is_read_back_as_it_was_written() -> None:
    assert yaml.safe_load((ROOT / "schemas/asyncapi.yaml").read_text()) == asyncapi()


def test_the_page_for_consumers_tells_how_long_events_stay() -> None:
    [events] = [config for config in stream_declarations() if config["name"] == EVENTS]
    days = events["max_age"] // (24 * 3600 * 10**9)
    assert f"Events stay for {days} days " in (ROOT / "docs/consumers.md").read_text()
