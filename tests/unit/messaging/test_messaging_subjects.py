"""Subjects and message ids: one for each key, and nobody can reach beyond his own."""

import pytest
from endings import closed
from hypothesis import given
from hypothesis import strategies as st
from story import Story

from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.messaging import subjects
from swe_ai_fleet.messaging.streams import stream_declarations

STORY = Story()
EVERY_TYPE: tuple[tuple[Event, str], ...] = (
    (STORY.requested(), "requested"),
    (STORY.started(), "started"),
    (STORY.base(), "checked.0.base"),
    (STORY.proposed(0), "proposed.0.dev-1"),
    (STORY.critiqued(1, 0), "critiqued.1.dev-2"),
    (STORY.revised(2, round_=3), "revised.3.dev-3"),
    (STORY.checked(0, passed=True), "checked.0.dev-1"),
    (STORY.failed(1), "agent_failed.0.dev-2"),
    (STORY.learnt(1), "learnt.0.dev-2"),
    (STORY.cut([]), "round_closed"),
    (STORY.cut([], round_=2), "round_closed.2"),
    (STORY.cancelled(), "cancel_requested"),
    (closed(), "closed"),
)


def matches(pattern: str, subject: str) -> bool:
    """NATS' own rule: ``*`` is one token, ``>`` at the end one or more."""
    wanted, given_ = pattern.split("."), subject.split(".")
    for place, part in enumerate(wanted):
        if part == ">":
            return len(given_) > place
        if place >= len(given_) or part not in ("*", given_[place]):
            return False
    return len(wanted) == len(given_)


@pytest.mark.parametrize(("event", "tail"), EVERY_TYPE)
def test_an_event_has_its_place_below_its_deliberation(event: Event, tail: str) -> None:
    assert subjects.event_subject(event) == f"fleet.v1.event.d1.{tail}"
    assert matches(subjects.events_of("d1"), subjects.event_subject(event))


def test_different_keys_have_different_subjects_and_ids() -> None:
    events = [event for event, _ in EVERY_TYPE]
    assert len({subjects.event_subject(event) for event in events}) == len(events)
    assert len({subjects.message_id(event) for event in events}) == len(events)


def test_the_attempt_is_no_part_of_the_identity() -> None:
    again = STORY.proposed(0).model_copy(update={"attempt": 2})
    assert subjects.message_id(again) == subjects.message_id(STORY.proposed(0)) == "d1:proposed:0:dev-1"
    assert subjects.event_subject(again) == subjects.event_subject(STORY.proposed(0))


def test_every_subject_that_is_published_and_kept_has_exactly_one_stream() -> None:
    published = [
        *(subjects.event_subject(event) for event, _ in EVERY_TYPE),
        subjects.command_subject("DEV"),
        subjects.dead_letter_subject("FLEET_COMMANDS", "workers"),
        subjects.snapshot_subject("d1"),
        subjects.blob_chunks("abc"),
        subjects.blob_meta("abc="),
    ]
    for subject in published:
        streams = [
            config["name"]
            for config in stream_declarations()
            if any(matches(pattern, subject) for pattern in config["subjects"])
        ]
        assert len(streams) == 1, subject


def test_notices_of_stored_events_are_no_streams_subject() -> None:
    notice = subjects.stored_events_of("d1").replace(">", "closed")
    assert not any(matches(p, notice) for config in stream_declarations() for p in config["subjects"])


def test_a_consumer_of_results_gets_only_ends() -> None:
    found = [
        tail for event, tail in EVERY_TYPE if matches(subjects.ALL_CLOSED, subjects.event_subject(event))
    ]
    assert found == ["closed"]


@given(st.text())
def test_a_token_is_one_token_or_an_error_that_names_its_field(value: str) -> None:
    fits = value.isascii() and 0 < len(value) <= 64 and all(c.isalnum() or c in "_-" for c in value)
    if fits:
        assert subjects.token("role", value) == value
    else:
        with pytest.raises(InputError, match=r"^role: "):
            subjects.token("role", value)


@pytest.mark.parametrize("value", ["", ".", "*", ">", "a.b", "a b", "a\n", "é", "x" * 65, "$JS"])
def test_names_that_address_something_else_are_refused(value: str) -> None:
    for build in (
        subjects.events_of,
        subjects.stored_events_of,
        subjects.snapshot_subject,
        subjects.command_id,
    ):
        with pytest.raises(InputError, match="deliberation_id"):
            build(value)
    with pytest.raises(InputError, match="role"):
        subjects.command_subject(value)


def test_an_agent_id_that_addresses_something_else_is_refused() -> None:
    event = STORY.proposed(0).model_copy(update={"agent_id": "dev.1"})
    with pytest.raises(InputError, match="agent_id"):
        subjects.event_subject(event)
