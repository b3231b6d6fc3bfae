"""What is wrong with a task, in the user's words: pydantic's findings as problem and way out."""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from swe_ai_fleet.cli.document import Location
from swe_ai_fleet.domain.task import Task

_SHAPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "tuple_type": "a list",
    "dict_type": "a mapping of names to values",
    "model_type": "a mapping of names to values",
    "model_attributes_type": "a mapping of names to values",
}
_KINDS: dict[type, str] = {
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "a mapping",
    type(None): "nothing",
}
_BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong."""

    location: Location
    value: object
    problem: str
    way_out: str


def problems_of(error: ValidationError) -> Iterator[Problem]:
    """Every finding, in pydantic's order."""
    for found in error.errors(include_url=False):
        yield _problem(found)


def _problem(found: Mapping[str, Any]) -> Problem:
    kind, location, value = found["type"], tuple(found["loc"]), found["input"]
    context = found.get("ctx", {})
    explain = _EXPLAIN.get(kind)
    if explain is not None:
        return explain(location, value, context)
    if kind in _SHAPES:
        return _wrong_shape(location, value, _SHAPES[kind])
    if kind in _BOUNDS:
        word, name = _BOUNDS[kind]
        bound = context[name]
        return Problem(
            location=location,
            value=value,
            problem=f"must be {word} {bound:g}",
            way_out=f"Give a number {word} {bound:g}.",
        )
    return Problem(location=location, value=value, problem=found["msg"], way_out="Correct it.")


def _wrong_shape(location: Location, value: object, wanted: str) -> Problem:
    got = _KINDS.get(type(value), type(value).__name__)
    way_out = f"Give {wanted}."
    if wanted == "text" and isinstance(value, bool | int | float):
        way_out = f'Put it in quotes: "{value}".'
    if isinstance(value, float) and wanted == "a whole number":
        got = "a fraction"
    return Problem(
        location=location, value=value, problem=f"must be {wanted}, but it is {got}", way_out=way_out
    )


def _missing(location: Location, value: object, context: Mapping[str, Any]) -> Problem:
    del value, context
    return Problem(location=location, value=None, problem="is missing", way_out=f"Add `{location[-1]}: ...`.")


def _unknown(location: Location, value: object, context: Mapping[str, Any]) -> Problem:
    del context
    name = str(location[-1])
    known = fields_at(location[:-1])
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    way_out = f"Did you mean `{near[0]}`?" if near else f"Known here: {', '.join(known)}."
    return Problem(location=location, value=value, problem="is not a field of a task", way_out=way_out)


def _pattern(location: Location, value: object, context: Mapping[str, Any]) -> Problem:
    del context
    return Problem(
        location=location,
        value=value,
        problem="is not a valid name",
        way_out="Use letters, digits, `_` and `-`, at most 64 of them.",
    )


def _length(location: Location, value: object, context: Mapping[str, Any]) -> Problem:
    if "min_length" in context:
        return Problem(location=location, value=value, problem="is empty", way_out="Say what is wanted.")
    most = context["max_length"]
    return Problem(
        location=location,
        value=value,
        problem=f"is longer than {most} characters",
        way_out="Shorten it; long material belongs into the repository.",
    )


def _rule(location: Location, value: object, context: Mapping[str, Any]) -> Problem:
    """A rule of the model's own; its message begins with the name of the field that it is about."""
    message = str(context["error"])
    first = message.split(maxsplit=1)[0].rstrip(":")
    if first in fields_at(location) and isinstance(value, dict):
        location, value = (*location, first), value.get(first)
    return Problem(location=location, value=value, problem=message, way_out=_RULES.get(first, "Correct it."))


_RULES = {
    "quorum": "Lower the quorum or raise `agents`.",
    "description": "Shorten it; long material belongs into the repository.",
    "checks": "Give each check its own name.",
}

_EXPLAIN: dict[str, Callable[[Location, object, Mapping[str, Any]], Problem]] = {
    "missing": _missing,
    "extra_forbidden": _unknown,
    "string_pattern_mismatch": _pattern,
    "string_too_short": _length,
    "string_too_long": _length,
    "value_error": _rule,
}


def fields_at(location: Location) -> list[str]:
    """The fields that a task has at this place; empty where it holds no model."""
    model: type[BaseModel] | None = Task
    for part in location:
        if model is None:
            return []
        model = model if isinstance(part, int) else _model_of(model, part)
    return [] if model is None else list(model.model_fields)


def _model_of(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    found = model.model_fields.get(name)
    if found is None:
        return None
    candidates = (found.annotation, *get_args(found.annotation))
    return next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
