"""The streams in the manifests equal the code's declaration, and everything else that names a stream names one."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.pods import pods
from fleet_manifests.rendering import Manifest, Rendering

DECLARATIONS = "streams.json"
_BY_INSTALLATION = frozenset({"num_replicas"})
"""What an installation chooses and the code does not."""


def _declarations(rendering: Rendering) -> Iterator[tuple[Manifest, Mapping[str, Any]]]:
    for manifest in rendering.of_kind("ConfigMap"):
        text = (manifest.body.get("data") or {}).get(DECLARATIONS)
        if text is not None:
            yield manifest, json.loads(text)


def _differences(
    wanted: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], key: str
) -> Iterator[str]:
    by_name = {config[key]: config for config in found}
    for config in wanted:
        other = by_name.pop(config[key], None)
        if other is None:
            yield f"{config[key]} is missing"
            continue
        for name in sorted((config.keys() | other.keys()) - _BY_INSTALLATION):
            if config.get(name) != other.get(name):
                yield f"{config[key]}: {name} is {other.get(name)}, the code declares {config.get(name)}"
    for name in by_name:
        yield f"{name} is not declared by the code"


def stream_drift(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Streams and durable consumers are those of the code, field by field, and all of them."""
    for manifest, found in _declarations(rendering):
        for problem in _differences(facts.streams, found["streams"], "name"):
            yield Finding(rule="stream-drift", where=manifest.where, problem=problem)
        flat = [{**consumer["config"], "stream": consumer["stream"]} for consumer in found["consumers"]]
        wanted = [{**config, "stream": stream} for stream, config in facts.consumers]
        for problem in _differences(wanted, flat, "durable_name"):
            yield Finding(rule="stream-drift", where=manifest.where, problem=problem)


def stream_replicas(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """No stream has more copies than there are servers."""
    del facts
    servers = {m.name: m.body["spec"].get("replicas", 1) for m in rendering.world if m.kind == "StatefulSet"}
    for pod in pods(rendering):
        for container in pod.containers():
            for variable in container.body.get("env") or ():
                if variable.get("name") == "STREAM_REPLICAS" and int(variable["value"]) > servers.get(
                    "nats", 0
                ):
                    problem = f"{variable['value']} copies on {servers.get('nats', 0)} servers"
                    yield Finding(rule="stream-replicas", where=container.where, problem=problem)


def scaled_consumers(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """A scaler reads a consumer that is declared: of an unknown one KEDA makes an error, and scales nothing."""
    declared = {(stream, config["durable_name"]) for stream, config in facts.consumers}
    for scaler in rendering.of_kind("ScaledObject"):
        for trigger in scaler.body["spec"].get("triggers") or ():
            metadata = trigger.get("metadata") or {}
            wanted = (metadata.get("stream"), metadata.get("consumer"))
            if trigger.get("type") == "nats-jetstream" and wanted not in declared:
                problem = f"no consumer {wanted[1]} of {wanted[0]} is declared"
                yield Finding(rule="reference", where=scaler.where, problem=problem)


def permitted_streams(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Permissions of the NATS accounts name streams that are declared."""
    declared = {config["name"] for config in facts.streams}
    pattern = re.compile(r"\$JS\.(?:(?:fleet\.)?API\.[A-Z.]+|ACK)\.((?:FLEET|KV|OBJ)_\w+)")
    for manifest in rendering.of_kind("ConfigMap"):
        text = (manifest.body.get("data") or {}).get("accounts.conf", "")
        for name in sorted(set(pattern.findall(text)) - declared):
            problem = f"accounts.conf permits {name}, which is not declared"
            yield Finding(rule="reference", where=manifest.where, problem=problem)
