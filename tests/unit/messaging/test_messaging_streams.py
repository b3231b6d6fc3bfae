"""The declaration of streams: what the manifests hold is what the code declares."""

import json
from pathlib import Path

import pytest

from swe_ai_fleet.messaging.envelope import MAX_INLINE_BYTES
from swe_ai_fleet.messaging.streams import (
    ACK_WAIT_S,
    BLOB_REFRESH_S,
    BLOBS,
    COMMANDS,
    EVENTS,
    RETAINED,
    SNAPSHOTS,
    WORKERS,
    consumer_declarations,
    stream_declarations,
)

DAY_NS = 86_400 * 10**9
MANIFEST = Path(__file__).parents[3] / "deploy/k8s/base/streams/streams.json"


def by_name() -> dict[str, dict[str, object]]:
    return {config["name"]: config for config in stream_declarations()}


def test_the_manifests_hold_what_the_code_declares() -> None:
    manifest = json.loads(MANIFEST.read_text())
    assert tuple(manifest["streams"]) == stream_declarations()
    declared = [{"stream": stream, "config": config} for stream, config in consumer_declarations()]
    assert manifest["consumers"] == declared
    assert manifest["retained"] == RETAINED


def test_snapshots_stay_as_long_as_events_and_blobs_outlive_what_refers_to_them() -> None:
    for days in (7, 90):
        kept = {config["name"]: config.get("max_age") for config in stream_declarations(retention_days=days)}
        assert kept[EVENTS] == kept[SNAPSHOTS] == days * DAY_NS
        assert kept[BLOBS] == (days + 1) * DAY_NS
        assert kept[COMMANDS] == 7 * DAY_NS
    assert BLOB_REFRESH_S * 1e9 < DAY_NS


def test_declarations_are_json_and_the_callers_own() -> None:
    json.dumps(stream_declarations())
    stream_declarations()[0]["subjects"] = []
    assert stream_declarations()[0]["subjects"]


def test_streams_share_no_subject_and_no_name() -> None:
    subjects = [subject for config in stream_declarations() for subject in config["subjects"]]
    assert len(set(subjects)) == len(subjects)
    assert len(by_name()) == len(stream_declarations())


def test_the_work_queue_keeps_each_command_until_it_is_settled() -> None:
    assert by_name()[COMMANDS]["retention"] == "workqueue"
    (workers,) = [config for stream, config in consumer_declarations() if stream == COMMANDS]
    assert workers["durable_name"] == WORKERS
    assert workers["ack_policy"] == "explicit"
    assert workers["ack_wait"] == ACK_WAIT_S * 1e9


@pytest.mark.parametrize("name", [COMMANDS, EVENTS])
def test_a_message_with_all_its_content_inside_fits(name: str) -> None:
    size = by_name()[name]["max_msg_size"]
    assert isinstance(size, int)
    assert size >= MAX_INLINE_BYTES + 4096
