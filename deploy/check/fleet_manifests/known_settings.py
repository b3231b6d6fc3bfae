"""The names of all settings, read off the settings model."""

import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType

from pydantic import BaseModel

DELIMITER = "__"
ANY_KEY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingNames:
    """Patterns of the environment variables that the fleet reads; ``*`` stands for the key of a mapping."""

    patterns: frozenset[str]

    def knows(self, name: str) -> bool:
        """Whether the fleet reads this variable."""
        return name in self.patterns or any(
            re.fullmatch(pattern.replace(ANY_KEY, "[A-Z0-9]+(?:_[A-Z0-9]+)*"), name)
            for pattern in self.patterns
            if ANY_KEY in pattern
        )


def _parts(annotation: object) -> Iterator[object]:
    """The types that an annotation may stand for: members of unions, what Annotated wraps."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _parts(typing.get_args(annotation)[0])
    elif origin in {typing.Union, UnionType}:
        for member in typing.get_args(annotation):
            yield from _parts(member)
    else:
        yield annotation


def _names(prefix: str, annotation: object) -> Iterator[str]:
    yield prefix
    for part in _parts(annotation):
        if isinstance(part, type) and issubclass(part, BaseModel):
            yield from _model_names(f"{prefix}{DELIMITER}", part)
        elif typing.get_origin(part) in {dict, Mapping}:
            yield from _names(f"{prefix}{DELIMITER}{ANY_KEY}", typing.get_args(part)[1])


def _model_names(prefix: str, model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield from _names(f"{prefix}{name.upper()}", field.annotation)


def setting_names(model: type[BaseModel], *, prefix: str) -> SettingNames:
    """Every variable by which a settings model can be set, nested with a double underscore."""
    return SettingNames(patterns=frozenset(_model_names(prefix, model)))
