"""Events on the wire: CloudEvents that come back as what they were, and garbage that is named."""

import json
from datetime import timedelta, timezone

import pytest
from endings import closed
from hypothesis import given
from hypothesis import strategies as st
from story import T0, Story

from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.errors import RecordError
from swe_ai_fleet.messaging.envelope import (
    decode_event,
    encode_data,
    encode_event,
    encode_reference,
    read_envelope,
    reference_of,
)

STORY = Story()
EVENTS: tuple[Event, ...] = (
    STORY.requested(),
    STORY.started(),
    STORY.base(),
    STORY.proposed(0),
    STORY.critiqued(1, 0),
    STORY.revised(2),
    STORY.checked(0, passed=False),
    STORY.failed(1),
    STORY.cut(["dev-1.0"]),
    STORY.cancelled(),
    closed(),
)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_an_event_comes_back_as_it_was(event: Event) -> None:
    assert decode_event(read_envelope(encode_event(event))) == event


@given(st.text(), st.text(max_size=20))
def test_any_text_survives(content: str, traceparent: str) -> None:
    event = STORY.proposed(0, content).model_copy(update={"traceparent": traceparent})
    assert decode_event(read_envelope(encode_event(event))) == event


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)
def test_the_message_is_a_cloud_event(event: Event) -> None:
    message = json.loads(encode_event(event))
    assert message["specversion"] == "1.0"
    assert message["type"] == f"swe_ai_fleet.deliberation.v1.{event.type}"
    assert message["source"] == "/swe-ai-fleet"
    assert message["subject"] == "d1"
    assert message["time"].endswith("Z")
    assert message["datacontenttype"] == "application/json"
    assert {"deliberation_id", "task_id", "num_agents", "round", "attempt"} <= message["data"].keys()
    assert not {"type", "time", "traceparent"} & message["data"].keys()


def test_one_agents_events_say_who_speaks() -> None:
    data = json.loads(encode_event(STORY.proposed(0)))["data"]
    assert (data["agent_id"], data["role"], data["model"]) == ("dev-1", "DEV", "vllm:tiny")


def test_the_trace_context_is_an_attribute_where_there_is_one() -> None:
    traced = STORY.started().model_copy(update={"traceparent": "00-ab-cd-01"})
    assert json.loads(encode_event(traced))["traceparent"] == "00-ab-cd-01"
    assert "traceparent" not in json.loads(encode_event(STORY.started()))


def test_times_are_told_in_utc() -> None:
    event = STORY.started().model_copy(update={"time": T0.astimezone(timezone(timedelta(hours=5)))})
    assert json.loads(encode_event(event))["time"] == "2026-01-01T00:00:00Z"


def test_a_claim_check_holds_what_every_event_carries_and_comes_back_whole() -> None:
    event = STORY.proposed(0, "long")
    message = encode_reference(event, "ab" * 32)
    envelope = read_envelope(message)
    assert reference_of(envelope) == "ab" * 32
    assert envelope["data"]["agent_id"] == "dev-1"
    assert "proposal" not in envelope["data"]
    assert decode_event(envelope, encode_data(event)) == event


def test_a_message_with_its_content_inside_refers_to_nothing() -> None:
    assert reference_of(read_envelope(encode_event(STORY.started()))) is None


def test_fields_that_only_newer_writers_know_are_passed_over() -> None:
    message = json.loads(encode_event(STORY.started()))
    message["data"]["mood"] = "good"
    message["extension"] = 1
    assert decode_event(read_envelope(json.dumps(message).encode())) == STORY.started()


def test_task_fields_that_only_newer_writers_know_are_passed_over() -> None:
    message = json.loads(encode_event(STORY.requested()))
    message["data"]["task"]["council"]["mood"] = "generous"
    assert decode_event(message) == STORY.requested()


def test_types_that_only_newer_writers_know_say_nothing() -> None:
    assert decode_event({"type": "swe_ai_fleet.deliberation.v1.pondered", "data": {}}) is None


@pytest.mark.parametrize(
    "garbage",
    [b"", b"\xff", b"[]", b"null", b"{}", b'{"type": 1}', b'{"type": "com.example.other"}', b"{" * 10_000],
)
def test_what_is_no_message_of_ours_is_an_error(garbage: bytes) -> None:
    with pytest.raises(RecordError):
        read_envelope(garbage)


def test_a_broken_event_is_named_with_the_field_that_is_wrong() -> None:
    message = json.loads(encode_event(STORY.started()))
    message["data"]["num_agents"] = "many"
    with pytest.raises(RecordError, match=r"d1:started:0: .*num_agents"):
        decode_event(message)


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_an_event_without_data_is_an_error(data: object) -> None:
    with pytest.raises(RecordError, match="no data"):
        decode_event({"type": "swe_ai_fleet.deliberation.v1.started", "id": "x", "data": data})


def test_a_damaged_blob_is_an_error() -> None:
    with pytest.raises(RecordError, match="not JSON"):
        decode_event({"type": "swe_ai_fleet.deliberation.v1.started", "id": "x"}, b"{")


@given(st.binary())
def test_any_bytes_are_an_event_or_an_error(garbage: bytes) -> None:
    with pytest.raises(RecordError):
        decode_event(read_envelope(garbage))
