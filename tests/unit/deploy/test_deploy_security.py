"""The restricted profile, field by field."""

from collections.abc import Callable
from typing import Any

import pytest

from fleet_manifests.facts import Facts
from fleet_manifests.rendering import Rendering
from fleet_manifests.security import namespace_security, pod_security, service_account_tokens

Render = Callable[..., Rendering]


def test_a_deployment_without_fault_passes(
    rendered: Render, facts: Facts, deployment: dict[str, Any]
) -> None:
    assert not [*pod_security(rendered(deployment), facts)]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"privileged": True}, "the container is privileged"),
        ({"allowPrivilegeEscalation": True}, "allowPrivilegeEscalation is not false"),
        ({"readOnlyRootFilesystem": False}, "readOnlyRootFilesystem is not true"),
        ({"capabilities": {}}, "capabilities do not drop ALL"),
        ({"capabilities": {"drop": ["ALL"], "add": ["SYS_ADMIN"]}}, "capability SYS_ADMIN is added"),
        ({"runAsNonRoot": False}, "runAsNonRoot is not true"),
        ({"runAsUser": 0}, "runAsUser is 0, below 10000"),
        (
            {"seccompProfile": {"type": "Unconfined"}},
            "seccompProfile is neither RuntimeDefault nor Localhost",
        ),
        ({"procMount": "Unmasked"}, "procMount is not Default"),
    ],
)
def test_each_container_field_is_held_to_the_profile(
    rendered: Render,
    facts: Facts,
    deployment: dict[str, Any],
    container: dict[str, Any],
    change: dict[str, Any],
    problem: str,
) -> None:
    container["securityContext"] |= change
    assert [finding.problem for finding in pod_security(rendered(deployment), facts)] == [problem]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"hostNetwork": True}, "hostNetwork is on"),
        ({"hostPID": True}, "hostPID is on"),
        ({"volumes": [{"name": "etc", "hostPath": {"path": "/etc"}}]}, "volume etc is a hostPath"),
    ],
)
def test_each_pod_field_is_held_to_the_profile(
    rendered: Render, facts: Facts, deployment: dict[str, Any], change: dict[str, Any], problem: str
) -> None:
    deployment["spec"]["template"]["spec"] |= change
    assert [finding.problem for finding in pod_security(rendered(deployment), facts)] == [problem]


def test_init_containers_and_host_ports_are_not_forgotten(
    rendered: Render, facts: Facts, deployment: dict[str, Any], container: dict[str, Any]
) -> None:
    container["ports"][0]["hostPort"] = 80
    bare = {"name": "prepare", "image": "example/web:1.2.3"}
    deployment["spec"]["template"]["spec"]["initContainers"] = [bare]
    wheres = {finding.where for finding in pod_security(rendered(deployment), facts)}
    assert wheres == {"Deployment/web: prepare", "Deployment/web: web"}


def test_the_autoscaler_that_the_operator_adds_is_held_to_the_profile(rendered: Render, facts: Facts) -> None:
    cluster = """
        apiVersion: ray.io/v1
        kind: RayCluster
        metadata: {name: fleet, namespace: fleet}
        spec:
          enableInTreeAutoscaling: true
          autoscalerOptions: {securityContext: {privileged: true}}
          headGroupSpec: {template: {spec: {containers: []}}}
        """
    problems = {finding.problem for finding in pod_security(rendered(cluster), facts)}
    assert "the container is privileged" in problems


def test_only_the_autoscaled_head_carries_an_api_token(
    rendered: Render, facts: Facts, deployment: dict[str, Any]
) -> None:
    del deployment["spec"]["template"]["spec"]["automountServiceAccountToken"]
    cluster = """
        apiVersion: ray.io/v1
        kind: RayCluster
        metadata: {name: fleet, namespace: fleet}
        spec:
          enableInTreeAutoscaling: true
          headGroupSpec: {template: {spec: {containers: []}}}
          workerGroupSpecs: [{groupName: agents, template: {spec: {containers: []}}}]
        """
    found = [finding.where for finding in service_account_tokens(rendered(deployment, cluster), facts)]
    assert found == ["Deployment/web", "RayCluster/fleet spec.workerGroupSpecs[agents]"]


def test_namespaces_enforce_the_profile_and_objects_live_in_one(
    rendered: Render, facts: Facts, deployment: dict[str, Any]
) -> None:
    del deployment["metadata"]["namespace"]
    namespace = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: fleet, labels: {pod-security.kubernetes.io/enforce: baseline}}
        """
    found = [finding.where for finding in namespace_security(rendered(namespace, deployment), facts)]
    assert found == ["Namespace/fleet", "Deployment/web"]
