"""JSON Schemas of what the fleet reads and writes, generated from its models."""

import json
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import JsonSchemaMode

from swe_ai_fleet.domain.events import event_adapter
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.domain.task import Task

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_MODELS: dict[str, tuple[TypeAdapter[Any], JsonSchemaMode, str]] = {
    "task": (TypeAdapter(Task), "validation", "A task file, or the task of a command"),
    "result": (TypeAdapter(Result), "serialization", "The result of a deliberation"),
    "event": (event_adapter, "serialization", "The data of one event of a deliberation"),
}


def schema_of(name: str) -> dict[str, Any]:
    """The schema of ``task``, ``result`` or ``event``."""
    adapter, mode, title = _MODELS[name]
    schema = adapter.json_schema(mode=mode)
    return {"$schema": DIALECT, **schema, "title": title}


def schema_text(name: str) -> str:
    """The same as it stands in ``schemas/``."""
    return json.dumps(schema_of(name), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
