"""What a server has turned out not to take, so that one client suits servers of different ages and makers."""

import re
from dataclasses import dataclass, replace
from typing import Self

from pydantic import JsonValue

_DROPPABLE = ("logprobs", "seed", "priority", "temperature", "stream_options", "response_format")
_LOOSE_KEYWORDS = frozenset(
    {"maxLength", "minLength", "maxItems", "minItems", "minimum", "maximum", "pattern", "format"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """The form of request that a server takes; the first rejection of a field leads to the next form.

    Without ``response_format`` an answer is still read and validated; the prompt asks for JSON in words too.
    """

    limit_field: str = "max_tokens"
    relaxes_schema: bool = False
    dropped: frozenset[str] = frozenset()

    def after_rejection(self, param: str | None, message: str) -> Self | None:
        """The form to try next, or None where the rejection is not about the form.

        Args:
            param: the field that the server's error names, if it does.
            message: the server's own words.
        """
        named = {param} if param else set(re.findall(r"[a-z_]+", message.lower()))
        if param == "max_tokens" and "max_completion_tokens" in message and self.limit_field == "max_tokens":
            return replace(self, limit_field="max_completion_tokens")
        if any(_is_schema(name) for name in named) and not self.relaxes_schema:
            return replace(self, relaxes_schema=True)
        for name in _DROPPABLE:
            if name not in self.dropped and any(_is_about(name, word) for word in named):
                return replace(self, dropped=self.dropped | {name})
        return None


def _is_schema(name: str) -> bool:
    return name.startswith(("response_format", "json_schema", "structured_outputs", "grammar"))


def _is_about(field: str, name: str) -> bool:
    return name == field or (field == "response_format" and _is_schema(name))


def relaxed_schema(schema: JsonValue) -> JsonValue:
    """The schema without the bounds on strings, numbers and arrays that strict servers do not take."""
    match schema:
        case dict():
            return {
                key: relaxed_schema(value)
                for key, value in schema.items()
                if key not in _LOOSE_KEYWORDS or isinstance(value, dict)
            }
        case list():
            return [relaxed_schema(item) for item in schema]
        case _:
            return schema
