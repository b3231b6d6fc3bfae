"""Built-in kinds against Kubernetes' own schemas, custom kinds against their CRDs, both strictly."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import kubernetes_validate
from jsonschema import Draft202012Validator

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.pods import pods_of
from fleet_manifests.rendering import Manifest, Rendering

Schema = dict[str, Any]
CUSTOM_GROUPS = frozenset({"ray.io", "keda.sh"})
_OPEN = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"


def strict_schema(schema: Mapping[str, Any]) -> Schema:
    """A CRD's structural schema as JSON Schema in which an unknown field is an error.

    The API server would drop such a field silently. Rules in CEL (``x-kubernetes-validations``) are not evaluated.
    """
    if schema.get(_INT_OR_STRING):
        return {"type": ["integer", "string"]}
    result = {key: value for key, value in schema.items() if not key.startswith("x-kubernetes-")}
    if "properties" in schema:
        result["properties"] = {name: strict_schema(value) for name, value in schema["properties"].items()}
        open_ended = schema.get(_OPEN) or "additionalProperties" in schema
        result |= {} if open_ended else {"additionalProperties": False}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            result[key] = strict_schema(schema[key])
    if result.pop("nullable", False):
        result["type"] = [result["type"], "null"]
    return result


def _top_level(schema: Mapping[str, Any]) -> Schema:
    result = strict_schema(schema)
    result["properties"] |= {"metadata": {"type": "object"}, "apiVersion": {}, "kind": {}}
    return result


@cache
def _validator(text: str) -> Draft202012Validator:
    return Draft202012Validator(_top_level(json.loads(text)))


def _path(parts: Iterator[Any] | list[Any]) -> str:
    return ".".join(map(str, parts))


@cache
def _built_in_problem(text: str, version: str) -> tuple[str, str, str] | None:
    """Rule, path and message of what is wrong with a built-in object; None where nothing is."""
    body = json.loads(text)
    try:
        kubernetes_validate.validate(body, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return "schema", _path(list(error.path)), error.message
    except kubernetes_validate.SchemaNotFoundError:
        return "unknown-kind", "", f"no schema for {body.get('apiVersion')} {body.get('kind')}"
    return None


def _built_in(body: Mapping[str, Any], where: str, version: str) -> Iterator[Finding]:
    found = _built_in_problem(json.dumps(body, sort_keys=True, default=str), version)
    if found is not None:
        rule, path, message = found
        yield Finding(rule=rule, where=f"{where} {path}".strip(), problem=message)


def _custom(manifest: Manifest, schema: Mapping[str, Any]) -> Iterator[Finding]:
    for error in _validator(json.dumps(schema, sort_keys=True)).iter_errors(manifest.body):
        where = f"{manifest.where} {_path(list(error.path))}"
        yield Finding(rule="schema", where=where, problem=error.message[:300])


def _embedded_pods(manifest: Manifest, version: str) -> Iterator[Finding]:
    for pod in pods_of(manifest):
        if not pod.partial:
            body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "embedded"}, "spec": pod.spec}
            yield from _built_in(body, pod.where, version)


def schemas(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every object fits its schema, and knows no other field; custom kinds where their schemas were given."""
    for manifest in rendering.manifests:
        if manifest.group not in CUSTOM_GROUPS:
            yield from _built_in(manifest.body, manifest.where, facts.kubernetes_version)
            continue
        schema = facts.custom_kinds.get((manifest.api_version, manifest.kind))
        if schema is not None:
            yield from _custom(manifest, schema)
        elif facts.custom_kinds:
            kind = f"{manifest.api_version} {manifest.kind}"
            yield Finding(rule="unknown-kind", where=manifest.where, problem=f"no schema for {kind}")
        yield from _embedded_pods(manifest, facts.kubernetes_version)


def duplicate_names(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Lists that Kubernetes keys by name have each name once: the last one would win silently."""
    del facts
    for manifest in rendering.manifests:
        yield from _duplicates(manifest.where, manifest.body)


def _duplicates(where: str, node: object) -> Iterator[Finding]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _duplicates(f"{where}.{key}", value)
    elif isinstance(node, list):
        names = [item["name"] for item in node if isinstance(item, Mapping) and "name" in item]
        same_name_is_legal = where.rpartition(".")[2] in {"envFrom", "sources", "subjects"}
        for name in sorted({name for name in names if names.count(name) > 1}):
            if not same_name_is_legal and not where.endswith("volumeMounts"):
                yield Finding(rule="duplicate-name", where=where, problem=f"{name} is given twice")
        for item in node:
            yield from _duplicates(where, item)
