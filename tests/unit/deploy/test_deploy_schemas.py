"""Strict schemas from CRDs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fleet_manifests.facts import Facts
from fleet_manifests.rendering import RenderError, Rendering, read_documents
from fleet_manifests.schemas import duplicate_names, schemas, strict_schema

Render = Callable[..., Rendering]

CRD: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "properties": {
                "size": {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}]},
                "limit": {"type": "integer", "nullable": True},
                "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {}},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}},
                "items": {"type": "array", "items": {"type": "object", "properties": {"a": {}}}},
            },
        }
    },
}


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        ({"size": "10%"}, True),
        ({"size": 3}, True),
        ({"size": []}, False),
        ({"limit": None}, True),
        ({"limit": "x"}, False),
        ({"free": {"anything": 1}}, True),
        ({"labels": {"x": "y"}}, True),
        ({"labels": {"x": 1}}, False),
        ({"items": [{"a": 1}]}, True),
        ({"items": [{"b": 1}]}, False),
        ({"siez": 3}, False),
    ],
)
def test_a_strict_schema_refuses_what_the_server_would_drop(spec: dict[str, Any], fits: bool) -> None:
    assert Draft202012Validator(strict_schema(CRD)).is_valid({"spec": spec}) is fits


def test_misspelt_fields_of_built_in_kinds_are_found(
    rendered: Render, facts: Facts, deployment: dict[str, Any]
) -> None:
    deployment["spec"]["replicsa"] = 2
    (finding,) = schemas(rendered(deployment), facts)
    assert finding.rule == "schema"
    assert "replicsa" in finding.problem


def test_pod_templates_inside_ray_kinds_are_held_to_the_pod_schema(rendered: Render, facts: Facts) -> None:
    cluster = """
        apiVersion: ray.io/v1
        kind: RayCluster
        metadata: {name: fleet, namespace: fleet}
        spec:
          headGroupSpec: {template: {spec: {containers: [{name: head, imagePullPolice: Always}]}}}
        """
    (finding,) = schemas(rendered(cluster), facts)
    assert finding.where.startswith("RayCluster/fleet spec.headGroupSpec")


def test_a_custom_kind_without_a_schema_is_a_finding_once_schemas_are_given(
    rendered: Render, facts: Facts
) -> None:
    scaler = "{apiVersion: keda.sh/v1alpha1, kind: ScaledJob, metadata: {name: x, namespace: y}}"
    assert not [*schemas(rendered(scaler), facts)]
    (finding,) = schemas(rendered(scaler), replace(facts, custom_kinds={("keda.sh/v1alpha1", "Other"): CRD}))
    assert finding.rule == "unknown-kind"


def test_a_name_given_twice_in_a_keyed_list_is_found(
    rendered: Render, facts: Facts, deployment: dict[str, Any], container: dict[str, Any]
) -> None:
    container["env"] = [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]
    (finding,) = duplicate_names(rendered(deployment), facts)
    assert finding.problem == "A is given twice"


@pytest.mark.parametrize("text", ["a: 1\na: 2\n", "- a\n- b\n", "a: [\n"])
def test_what_is_not_strict_yaml_is_refused(text: str) -> None:
    with pytest.raises(RenderError):
        read_documents(text)
