"""A valid instance of a JSON Schema, made up from a seed."""

import random
from collections.abc import Callable, Mapping
from typing import Any

SIMULATED = "simulated"
_DEPTH = 12


def instance_of(schema: Any, *, rng: random.Random) -> Any:
    """A value that the schema accepts; every free string says that it is simulated.

    Covers what structured output takes: types, properties, items, enum, const, bounds, anyOf, oneOf, allOf,
    ``$ref`` into ``$defs``. Patterns and formats are not looked at.
    """
    return _Maker(schema, rng).make(schema, 0)


class _Maker:
    def __init__(self, root: Any, rng: random.Random) -> None:
        self._root = root
        self._rng = rng

    def make(self, schema: Any, depth: int) -> Any:
        if not isinstance(schema, dict):
            return SIMULATED
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._rng.choice(schema["enum"])
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self.make(self._option(schema[word], depth), depth + 1)
        kinds: Mapping[str, Callable[[dict[str, Any], int], Any]] = {
            "object": self._object,
            "array": self._array,
            "string": self._string,
            "integer": self._integer,
            "number": self._number,
            "boolean": lambda _schema, _depth: self._rng.random() < 0.5,
            "null": lambda _schema, _depth: None,
        }
        return kinds[_type_of(schema)](schema, depth)

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema with its reference and its ``allOf`` parts merged in."""
        if "$ref" in schema:
            target = self._root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
            return self._resolved(schema)
        for part in schema.get("allOf", ()):
            schema = {**self._resolved(part), **schema}
        return schema

    def _option(self, options: list[Any], depth: int) -> Any:
        """Any of them; deep down the last one, where generators put the end of a recursion."""
        return options[-1] if depth > _DEPTH else self._rng.choice(options)

    def _object(self, schema: dict[str, Any], depth: int) -> dict[str, Any]:
        properties = schema.get("properties", {})
        names = list(properties) if depth <= _DEPTH else schema.get("required", [])
        return {name: self.make(properties.get(name), depth + 1) for name in names}

    def _array(self, schema: dict[str, Any], depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        most = least if depth > _DEPTH else min(schema.get("maxItems", least + 3), least + 3)
        size = self._rng.randint(max(least, min(1, most)), most)
        return [self.make(schema.get("items"), depth + 1) for _ in range(size)]

    def _string(self, schema: dict[str, Any], _depth: int) -> str:
        text = f"{SIMULATED} {self._rng.randrange(10**6)}"
        least, most = schema.get("minLength", 0), schema.get("maxLength", 10**6)
        return text.ljust(least, ".")[:most]

    def _integer(self, schema: dict[str, Any], _depth: int) -> int:
        low, high = _bounds(schema, step=1)
        return self._rng.randint(int(low), int(high))

    def _number(self, schema: dict[str, Any], _depth: int) -> float:
        low, high = _bounds(schema, step=1e-6)
        return min(high, max(low, round(self._rng.uniform(low, high), 3)))


def _type_of(schema: dict[str, Any]) -> str:
    told = schema.get("type")
    if isinstance(told, list):
        return str(told[0])
    if told is not None:
        return str(told)
    return "object" if "properties" in schema else "string"


def _bounds(schema: dict[str, Any], *, step: float) -> tuple[float, float]:
    low = schema.get("minimum", schema.get("exclusiveMinimum", -step) + step)
    high = schema.get("maximum", schema.get("exclusiveMaximum", low + 100 + step) - step)
    return low, high
