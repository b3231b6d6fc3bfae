"""Text to plain values, and the line of every field: YAML with PyYAML, JSON with the standard library.

Nothing but the plain types of JSON comes out. Keys that stand twice, tags that make objects and aliases that
grow without end are errors with their line.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field

import yaml

from swe_ai_fleet.errors import TaskFileError

Location = tuple[str | int, ...]
"""The way to a field: names of mappings and positions in lists."""

MAX_BYTES = 8 * 1024**2
"""A longer document is not read."""
_MAX_EXPANDED = 2 * MAX_BYTES
_NODE_COST = 64
_MAX_DEPTH = 32
_PREFIX = "tag:yaml.org,2002:"
_TEXT_TAGS = {"str", "timestamp", "binary", "value"}
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One parsed document."""

    value: object
    """Made of dict, list, str, int, float, bool and None."""
    lines: dict[Location, int]
    """Where each field stands, from 1; the line of its name where it has one."""

    def line(self, location: Location) -> int | None:
        """The line of a field, or of the nearest thing around it; None where nothing is known."""
        for end in range(len(location), -1, -1):
            if location[:end] in self.lines:
                return self.lines[location[:end]]
        return None


def field_name(location: Location) -> str:
    """The location as people write it: ``checks[0].timeout_s``."""
    name = ""
    for part in location:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name or "task"


def parse_yaml(text: str, *, path: str) -> Document:
    """Read one YAML document.

    Raises:
        TaskFileError: it is not one, with the line.
    """
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise TaskFileError(
            path, line, "task", _line_of(text, line), f"not valid YAML: {problem}", _SYNTAX_HELP
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise TaskFileError(
            path, line, "task", chr(error.character), f"not valid YAML: {error.reason}", _SYNTAX_HELP
        ) from error
    except RecursionError as error:
        raise TaskFileError(path, None, "task", "", "nested too deeply", _SYNTAX_HELP) from error
    if node is None:
        raise TaskFileError(
            path, 1, "task", "", "the file is empty", "Give at least a description: `description: ...`."
        )
    reading = _Reading(path=path)
    value = reading.read(node, ())
    return Document(value=value, lines=reading.lines)


def parse_json(text: str, *, path: str, first_line: int = 1) -> Document:
    """Read one JSON document that begins at ``first_line`` of its file.

    Raises:
        TaskFileError: it is not one, with the line.
    """
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise TaskFileError(
            path,
            error.lineno + first_line - 1,
            "task",
            _line_of(text, error.lineno),
            f"not valid JSON: {error.msg}",
            "Correct it at that line.",
        ) from error
    except (RecursionError, ValueError) as error:
        raise TaskFileError(path, None, "task", "", f"not valid JSON: {error}", "Correct it.") from error
    # JSON without tabs is YAML, whose parser knows the lines; a raw tab cannot stand inside a JSON string.
    try:
        node = yaml.compose(text.replace("\t", " "), Loader=_LOADER)
    except yaml.YAMLError:
        node = None
    if node is None:
        return Document(value=value, lines={})
    reading = _Reading(path=path)
    reading.read(node, ())
    lines = {location: line + first_line - 1 for location, line in reading.lines.items()}
    return Document(value=value, lines=lines)


_SYNTAX_HELP = "Correct it at that line; text with `: ` or `#` in it stands in quotes or after `|`."


def _line_of(text: str, line: int | None) -> str:
    """That line of the text, for the message."""
    lines = text.splitlines()
    return lines[line - 1].strip() if line is not None and 0 < line <= len(lines) else ""


@dataclass(slots=True, kw_only=True)
class _Reading:
    """Nodes to values, counting what aliases amount to."""

    path: str
    lines: dict[Location, int] = field(default_factory=dict)
    expanded: int = 0

    def read(self, node: yaml.Node, location: Location) -> object:
        self.lines.setdefault(location, _line(node))
        self.expanded += _NODE_COST + (len(node.value) if isinstance(node, yaml.ScalarNode) else 0)
        if self.expanded > _MAX_EXPANDED:
            raise self.error(
                node, location, "", "far too large once its aliases are written out", "Shorten it."
            )
        if len(location) > _MAX_DEPTH:
            raise self.error(node, location, "", "nested too deeply", f"Use at most {_MAX_DEPTH} levels.")
        match node:
            case yaml.MappingNode():
                return self.mapping(node, location)
            case yaml.SequenceNode():
                return [self.read(item, (*location, index)) for index, item in enumerate(node.value)]
            case _:
                return self.scalar(node, location)

    def mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, object]:
        found: dict[str, object] = {}
        for key, value in self.items(node, location):
            inner = (*location, key.value)
            if key.value in found:
                first = self.lines[inner]
                raise self.error(
                    key, inner, key.value, f"stands twice, first in line {first}", "Keep one of the two."
                )
            self.lines[inner] = _line(key)
            found[key.value] = self.read(value, inner)
        return found

    def items(
        self, node: yaml.MappingNode, location: Location
    ) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self.error(key, location, "", "a field's name must be plain text", "Name the field.")
            yield key, value

    def scalar(self, node: yaml.Node, location: Location) -> object:
        text = node.value
        tag = node.tag.removeprefix(_PREFIX)
        if tag in _TEXT_TAGS:
            return text
        if tag not in {"int", "float", "bool", "null"}:
            raise self.error(
                node, location, text, f"the tag {node.tag} is not allowed", "Write a plain value."
            )
        try:
            return _LOADER("").construct_object(node)
        except (ValueError, yaml.YAMLError) as error:
            raise self.error(node, location, text, f"not a valid {tag}", "Put text in quotes.") from error

    def error(
        self, node: yaml.Node, location: Location, value: str, problem: str, way_out: str
    ) -> TaskFileError:
        return TaskFileError(self.path, _line(node), field_name(location), value, problem, way_out)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
