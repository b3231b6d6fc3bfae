"""docs/settings.md, from the settings model: every variable, its type, default and meaning."""

import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

DELIMITER = "__"
KEY = "<NAME>"
_WORDS: Mapping[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "yes or no",
    Path: "path",
    SecretStr: "secret",
}
_BOUNDS = {Ge: ("ge", "at least"), Gt: ("gt", "above"), Le: ("le", "at most"), Lt: ("lt", "below")}
_HEAD = """# Settings

<!-- Written by `make generated`; edit the docstrings in the code instead. -->

Every setting is an environment variable. Nothing set means embedded: what has no address is started locally and stopped
afterwards. A value that is not valid ends the command with exit status 2 and names the variable. Yes or no is `true` or
`false`; lists and mappings are JSON. Secrets are never logged.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One variable."""

    variable: str
    kind: str
    default: str
    meaning: str


def _members(annotation: object) -> list[object]:
    """What an annotation may stand for, None left out."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _members(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in {typing.Union, UnionType}:
        return [part for member in typing.get_args(annotation) for part in _members(member)]
    return [] if annotation is NoneType else [annotation]


def _kind(annotation: object) -> str:
    names = []
    for member in _members(annotation):
        origin = typing.get_origin(member)
        if origin is typing.Literal:
            names += [f"`{value}`" for value in typing.get_args(member)]
        elif isinstance(member, type) and issubclass(member, Enum):
            names += [f"`{choice.value}`" for choice in member]
        elif origin in {dict, Mapping}:
            names.append("mapping (JSON)")
        elif origin in {tuple, list}:
            names.append("list (JSON)")
        else:
            names.append(_WORDS.get(member, getattr(member, "__name__", str(member)).lower()))
    return ", ".join(dict.fromkeys(names))


def _metadata(annotation: object) -> list[object]:
    """What Annotated says of an annotation, or of the members of a union."""
    if typing.get_origin(annotation) is typing.Annotated:
        return [*typing.get_args(annotation)[1:]]
    if typing.get_origin(annotation) in {typing.Union, UnionType}:
        return [found for member in typing.get_args(annotation) for found in _metadata(member)]
    return []


def _bounds(field: FieldInfo) -> str:
    marks = [part for mark in _metadata(field.annotation) for part in getattr(mark, "metadata", [mark])]
    texts = [
        f"{word} {getattr(bound, attribute)}"
        for bound in [*field.metadata, *marks]
        for kind, (attribute, word) in _BOUNDS.items()
        if isinstance(bound, kind)
    ]
    return ", ".join(texts)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if value is PydanticUndefined or value is None or value in ("", (), {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, Enum):
        return f"`{value.value}`"
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _plain(docstring: str) -> str:
    """A docstring as Markdown, in the words of somebody who sets variables."""
    return re.sub(r"\bNone\b", "unset", " ".join(docstring.split()).replace("``", "`"))


def _row(variable: str, field: FieldInfo) -> Row:
    kind = ", ".join(filter(None, (_kind(field.annotation), _bounds(field))))
    meaning = _plain(field.description or "").replace("|", "\\|")
    return Row(variable=variable, kind=kind, default=_default(field), meaning=meaning)


def _nested(annotation: object) -> tuple[str, type[BaseModel]] | None:
    """What is inserted into the variable, and the model behind it; None for a plain value."""
    for member in _members(annotation):
        if isinstance(member, type) and issubclass(member, BaseModel):
            return "", member
        if typing.get_origin(member) in {dict, Mapping}:
            inner = _nested(typing.get_args(member)[1])
            if inner is not None:
                return f"{KEY}{DELIMITER}", inner[1]
    return None


def rows(model: type[BaseModel], *, prefix: str) -> Iterator[Row]:
    """Every variable of a settings model, in the order of its fields."""
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        nested = _nested(field.annotation)
        if nested is None:
            yield _row(variable, field)
        else:
            yield from rows(nested[1], prefix=f"{variable}{DELIMITER}{nested[0]}")


def _table(found: list[Row]) -> str:
    lines = ["| variable | type | default | meaning |", "|---|---|---|---|"]
    lines += [f"| `{row.variable}` | {row.kind} | {row.default} | {row.meaning} |" for row in found]
    return "\n".join(lines)


def _summary(model: type[BaseModel]) -> str:
    return _plain((model.__doc__ or "").strip().split("\n\n")[0])


def settings_page(model: type[BaseModel], *, prefix: str) -> str:
    """The whole page: what stands alone first, then one section per group."""
    alone: list[Row] = []
    sections: list[str] = []
    for name, field in model.model_fields.items():
        variable = f"{prefix}{name.upper()}"
        nested = _nested(field.annotation)
        if nested is None:
            alone.append(_row(variable, field))
            continue
        table = _table([*rows(nested[1], prefix=f"{variable}{DELIMITER}{nested[0]}")])
        sections.append(f"## {name}\n\n{_summary(nested[1])}\n\n{table}\n")
    return "\n".join([_HEAD, _table(alone), "", *sections])
