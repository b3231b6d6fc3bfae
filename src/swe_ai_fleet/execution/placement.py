"""Which nodes of a cluster can host what; Ray itself only waits when none can."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swe_ai_fleet.errors import InputError

_SET = re.compile(r"(!?)in\(([^()]*)\)")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one actor or task takes of its node."""

    resources: Mapping[str, float] = field(default_factory=dict)
    """By Ray's names: ``CPU``, ``memory`` (bytes), custom resources."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Conditions on the node's labels."""

    def __str__(self) -> str:
        parts = [f"{name} {amount:g}" for name, amount in sorted(self.resources.items()) if amount]
        parts += [f"label {name}={condition}" for name, condition in sorted(self.labels.items())]
        return ", ".join(parts) or "nothing"


def check_selector(field_name: str, labels: Mapping[str, str]) -> None:
    """See that every condition is one that Ray understands.

    Raises:
        InputError: one is not.
    """
    for name, condition in labels.items():
        negated_set = _SET.fullmatch(condition)
        values = negated_set[2].split(",") if negated_set else [condition.removeprefix("!")]
        if not all(_LABEL_VALUE.fullmatch(value.strip()) for value in values):
            way_out = "Give value, !value, in(a,b) or !in(a,b)."
            raise InputError(f"{field_name}.{name}", condition, "is no condition on a label", way_out)


def hosts(nodes: Iterable[Mapping[str, Any]], demand: Demand) -> list[Mapping[str, Any]]:
    """The living nodes, as ``ray.nodes()`` tells them, that satisfy ``demand`` when nothing else runs there."""
    return [node for node in nodes if node["Alive"] and _can_host(node, demand)]


def shortage(nodes: Sequence[Mapping[str, Any]], demand: Demand) -> str:
    """Why none of these nodes can host it, for people."""
    alive = [node for node in nodes if node["Alive"]]
    seen = "; ".join(sorted({_shown(node, demand) for node in alive})[:5])
    return (
        f"what is placed needs {demand}; none of {len(alive)} nodes has that ({seen or 'there is no node'})"
    )


def _can_host(node: Mapping[str, Any], demand: Demand) -> bool:
    totals: Mapping[str, float] = node["Resources"]
    enough = all(totals.get(name, 0.0) >= amount for name, amount in demand.resources.items())
    labels: Mapping[str, str] = node.get("Labels") or {}
    return enough and all(_matches(labels.get(name), wanted) for name, wanted in demand.labels.items())


def _matches(value: str | None, condition: str) -> bool:
    """As Ray reads it: a node without the label satisfies every negation."""
    in_set = _SET.fullmatch(condition)
    if in_set is None:
        negated, accepted = condition.startswith("!"), {condition.removeprefix("!")}
    else:
        negated, accepted = bool(in_set[1]), {one.strip() for one in in_set[2].split(",")}
    return (value in accepted) != negated


def _shown(node: Mapping[str, Any], demand: Demand) -> str:
    """What a node has of what is demanded."""
    totals: Mapping[str, float] = node["Resources"]
    labels: Mapping[str, str] = node.get("Labels") or {}
    parts = [f"{name} {totals.get(name, 0.0):g}" for name in sorted(demand.resources)]
    parts += [f"{name}={labels.get(name, '(none)')}" for name in sorted(demand.labels)]
    return " ".join(parts)
