"""schemas/asyncapi.yaml, from the event models: what a service in any language has to know."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

import yaml
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

import swe_ai_fleet
from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.messaging.envelope import SOURCE, TYPE_PREFIX
from swe_ai_fleet.messaging.streams import EVENTS
from swe_ai_fleet.messaging.subjects import ALL_STORED, event_subject

Schema = dict[str, Any]
_REFERENCE = "#/components/schemas/{model}"
_IN_ENVELOPE = ("type", "time", "traceparent")
_COMMON = ("deliberation_id", "task_id", "num_agents", "round", "attempt")
_ROUND, _AGENT, _DELIBERATION = 7, "AGENT", "DELIBERATION"
_INTRODUCTION = f"""\
Everything that happens in a deliberation is an event: CloudEvents 1.0 in structured JSON, stored in the JetStream
stream {EVENTS} before anything builds on it. Delivery is at least once; `id` is the same for every copy of an event.
Events of one deliberation are ordered by their stream sequence. `closed` is the last one, and there is exactly one.
The same messages appear, once stored, on {ALL_STORED} (core NATS, live only). Readers ignore fields and types that
they do not know. docs/consumers.md tells the rest.
"""
_PARAMETERS = {
    "deliberation_id": {"description": "Letters, digits, `_` and `-`, at most 64."},
    "round": {"description": "From 0: the pass in which it happened."},
    "agent_id": {
        "description": "Who speaks, or whose proposal was checked; `base` for the unchanged commit."
    },
}


def event_models() -> tuple[type[BaseModel], ...]:
    """The model of every event type, in the order of a deliberation."""
    return get_args(get_args(Event)[0])


def type_of(model: type[BaseModel]) -> str:
    """The event's type, as it stands in the subject."""
    return str(model.model_fields["type"].default)


def address(model: type[BaseModel]) -> str:
    """The subject, with its variable parts in braces."""
    fields: dict[str, Any] = {"deliberation_id": _DELIBERATION}
    if "agent_id" in model.model_fields:
        fields["agent_id"] = _AGENT
    if "agent_id" in fields or type_of(model) == "round_closed":
        fields["round"] = _ROUND
    event: Any = model.model_construct(**fields)
    subject = event_subject(event)
    for value, name in ((_DELIBERATION, "deliberation_id"), (str(_ROUND), "round"), (_AGENT, "agent_id")):
        subject = re.sub(rf"(?<=\.){value}(?=\.|$)", f"{{{name}}}", subject)
    return subject


def _opened(schema: Any) -> Any:
    """Without what a reader must not insist on, unknown fields and discriminators; descriptions in Markdown."""
    if isinstance(schema, str):
        return schema.replace("``", "`")
    if isinstance(schema, dict):
        closed = schema.get("additionalProperties") is False
        dropped = {"discriminator"} | ({"additionalProperties"} if closed else set())
        return {key: _opened(value) for key, value in schema.items() if key not in dropped}
    return [_opened(item) for item in schema] if isinstance(schema, list) else schema


def _without(schema: Schema, names: tuple[str, ...]) -> Schema:
    properties = {name: field for name, field in schema["properties"].items() if name not in names}
    required = [name for name in schema.get("required", ()) if name not in names]
    return {**schema, "properties": properties, "required": required}


def _common_data(schema: Schema) -> Schema:
    return {
        "title": "CommonData",
        "description": "What every event carries. All there is in the message where the data is in the blob store.",
        "type": "object",
        "required": [name for name in _COMMON if name in schema["required"]],
        "properties": {name: schema["properties"][name] for name in _COMMON},
    }


def _envelope(model: type[BaseModel]) -> Schema:
    """The message of one event type. With ``dataref`` its data is a claim check."""
    name = model.__name__
    return {
        "title": f"{name}Event",
        "description": (model.__doc__ or "").replace("``", "`"),
        "type": "object",
        "required": ["specversion", "id", "source", "type", "subject", "time", "datacontenttype", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"type": "string", "description": "The same for every copy; what to deduplicate by."},
            "source": {"const": SOURCE},
            "type": {"const": f"{TYPE_PREFIX}{type_of(model)}"},
            "subject": {"type": "string", "description": "The deliberation's id."},
            "time": {"type": "string", "format": "date-time", "description": "When it happened, UTC."},
            "datacontenttype": {"const": "application/json"},
            "traceparent": {"type": "string", "description": "W3C trace context of the work that caused it."},
            "dataref": {
                "type": "string",
                "pattern": "^fleet_blobs:[0-9a-f]{64}$",
                "description": "The data is the object of that sha256 in the object store `fleet_blobs`.",
            },
            "data": {"type": "object"},
        },
        "if": {"required": ["dataref"]},
        "then": {"properties": {"data": {"$ref": _REFERENCE.format(model="CommonData")}}},
        "else": {"properties": {"data": {"$ref": _REFERENCE.format(model=f"{name}Data")}}},
    }


def schemas() -> dict[str, Schema]:
    """By name: ``<Event>Event`` for messages, ``<Event>Data`` for their data, and what those refer to."""
    models = event_models()
    _, whole = models_json_schema([(model, "serialization") for model in models], ref_template=_REFERENCE)
    defined: dict[str, Schema] = _opened(whole["$defs"])
    events = {model.__name__: defined.pop(model.__name__) for model in models}
    found = {"CommonData": _common_data(events[models[0].__name__])}
    for model in models:
        found[f"{model.__name__}Event"] = _envelope(model)
    for name, schema in events.items():
        found[f"{name}Data"] = {**_without(schema, _IN_ENVELOPE), "title": f"{name}Data"}
    return found | defined


def _channels() -> Iterator[tuple[str, Mapping[str, Any]]]:
    for model in event_models():
        name, subject = type_of(model), address(model)
        channel = {
            "address": subject,
            "summary": (model.__doc__ or "").replace("``", "`"),
            "messages": {name: {"$ref": f"#/components/messages/{name}"}},
            "parameters": {key: _PARAMETERS[key] for key in re.findall(r"{(\w+)}", subject)},
        }
        if name == "round_closed":
            channel["description"] = "For round 0 the subject ends with `round_closed`."
        yield name, channel


def _message(model: type[BaseModel]) -> Mapping[str, Any]:
    return {
        "name": f"{TYPE_PREFIX}{type_of(model)}",
        "contentType": "application/cloudevents+json",
        "payload": {"$ref": _REFERENCE.format(model=f"{model.__name__}Event")},
    }


def asyncapi() -> dict[str, Any]:
    """The whole document."""
    names = [type_of(model) for model in event_models()]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "SWE AI Fleet",
            "version": swe_ai_fleet.__version__,
            "description": _INTRODUCTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {"nats": {"host": "localhost:4222", "protocol": "nats"}},
        "channels": dict(_channels()),
        "operations": {name: {"action": "send", "channel": {"$ref": f"#/channels/{name}"}} for name in names},
        "components": {
            "messages": {type_of(model): _message(model) for model in event_models()},
            "schemas": schemas(),
        },
    }


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        """Write everything out."""
        del data
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def asyncapi_yaml() -> str:
    """The document as text."""
    head = "# Written by `make generated` from the event models; edit those instead.\n"
    return head + yaml.dump(asyncapi(), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
