"""Events on the wire: CloudEvents 1.0 in structured JSON.

``data`` carries what every event carries, the agent where one speaks, and the event's own fields. A payload that is
too large for a message travels as a claim check (the extension ``dataref``): ``data`` then holds only what every event
carries, and all of it is in the blob store under the sha256 that ``dataref`` names.
"""

import json
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json

from swe_ai_fleet.domain.events import EVENT_TYPES, Event, event_adapter
from swe_ai_fleet.errors import RecordError
from swe_ai_fleet.messaging.subjects import message_id

TYPE_PREFIX = "swe_ai_fleet.deliberation.v1."
SOURCE = "/swe-ai-fleet"
MAX_INLINE_BYTES = 128 * 1024
"""A larger message keeps its content in the blob store."""

_IN_ENVELOPE = {"type", "time", "traceparent"}
_COMMON = {"deliberation_id", "task_id", "num_agents", "round", "attempt", "agent_id", "role", "model"}
_REFERENCE = "fleet_blobs:"

Envelope = Mapping[str, Any]
"""The attributes of one message, as JSON gives them."""


def encode_data(event: Event) -> bytes:
    """The content of ``data`` as JSON."""
    return event.model_dump_json(exclude=_IN_ENVELOPE).encode()


def encode_event(event: Event, data: bytes | None = None) -> bytes:
    """The whole message; ``data`` where its JSON is known already."""
    return b'%b"data":%b}' % (_attributes(event), encode_data(event) if data is None else data)


def encode_reference(event: Event, sha256: str) -> bytes:
    """The message that refers to the blob which holds its data."""
    common = event.model_dump_json(include=_COMMON)
    return _attributes(event) + f'"dataref":"{reference_to(sha256)}","data":{common}}}'.encode()


def _attributes(event: Event) -> bytes:
    """The beginning of the message, up to what comes last.

    Written by hand, because every event passes here; what people chose are tokens, and the trace context is quoted.
    """
    time = event.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    trace = "" if event.traceparent is None else f'"traceparent":{json.dumps(event.traceparent)},'
    return (
        f'{{"specversion":"1.0","id":"{message_id(event)}","source":"{SOURCE}","type":"{TYPE_PREFIX}{event.type}",'
        f'"subject":"{event.deliberation_id}","time":"{time}","datacontenttype":"application/json",{trace}'
    ).encode()


def read_envelope(message: bytes) -> Envelope:
    """The attributes of a message.

    Raises:
        RecordError: it is not one of ours.
    """
    try:
        envelope = from_json(message)
    except ValueError as error:
        raise RecordError(f"a message on the record is not JSON: {error}") from error
    if not isinstance(envelope, dict) or not str(envelope.get("type")).startswith(TYPE_PREFIX):
        raise RecordError(f"a message on the record is not an event of a deliberation: {message[:80]!r}")
    return envelope


def reference_to(sha256: str) -> str:
    """The ``dataref`` of a blob: bucket and digest."""
    return _REFERENCE + sha256


def reference_of(envelope: Envelope) -> str | None:
    """The sha256 of the blob that a message refers to; None where its content is inside."""
    reference = envelope.get("dataref")
    if not isinstance(reference, str) or not reference.startswith(_REFERENCE):
        return None
    return reference.removeprefix(_REFERENCE)


def decode_event(envelope: Envelope, data: bytes | None = None) -> Event | None:
    """The event of a message; None for a type that only newer versions know.

    Args:
        envelope: the message's attributes.
        data: the content of ``data`` where it came from the blob store.

    Raises:
        RecordError: it is broken; the message says where.
    """
    name = str(envelope["type"]).removeprefix(TYPE_PREFIX)
    if name not in EVENT_TYPES:
        return None
    try:
        fields = envelope.get("data") if data is None else from_json(data)
        if not isinstance(fields, dict):
            raise RecordError(f"the event {envelope.get('id')} on the record has no data")
        whole = {
            **fields,
            "type": name,
            "time": envelope.get("time"),
            "traceparent": envelope.get("traceparent"),
        }
        return event_adapter.validate_python(
            whole, extra="ignore"
        )  # in the task too, which people may not misspell
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RecordError(
            f"the event {envelope.get('id')} on the record is broken: {where}: {first['msg']}"
        ) from error
    except ValueError as error:
        raise RecordError(f"the data of event {envelope.get('id')} is not JSON: {error}") from error
