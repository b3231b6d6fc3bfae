"""Small renderings and facts, without a renderer."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest
import yaml

from fleet_manifests.facts import Facts, Secret
from fleet_manifests.known_settings import SettingNames
from fleet_manifests.rendering import Rendering, manifest_of

Render = Callable[..., Rendering]

DEPLOYMENT: Mapping[str, Any] = yaml.safe_load("""
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: fleet}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 10001, seccompProfile: {type: RuntimeDefault}}
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector: {matchLabels: {app: web}}
      containers:
        - name: web
          image: example/web:1.2.3
          ports: [{name: http, containerPort: 8080}]
          readinessProbe: {httpGet: {path: /, port: http}}
          livenessProbe: {httpGet: {path: /, port: http}}
          resources:
            requests: {cpu: 100m, memory: 64Mi}
            limits: {cpu: "1", memory: 64Mi}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
""")


@pytest.fixture
def deployment() -> dict[str, Any]:
    """A Deployment without fault."""
    return deepcopy(dict(DEPLOYMENT))


@pytest.fixture
def container(deployment: dict[str, Any]) -> dict[str, Any]:
    """Its one container."""
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]["containers"][0]
    return found


@pytest.fixture
def rendered() -> Render:
    """A rendering of some bodies, given as mappings or as YAML."""

    def make(*bodies: Mapping[str, Any] | str) -> Rendering:
        read = [yaml.safe_load(body) if isinstance(body, str) else body for body in bodies]
        return Rendering(name="test", manifests=tuple(map(manifest_of, read)))

    return make


@pytest.fixture
def facts() -> Facts:
    """Facts of a small made-up fleet."""
    return Facts(
        kubernetes_version="1.33",
        custom_kinds={},
        secrets={"keys": Secret(name="keys", keys=frozenset({"seed"}), used_outside=False)},
        settings=SettingNames(patterns=frozenset({"FLEET_LOG__LEVEL", "FLEET_MODELS__*__URL"})),
        streams=({"name": "EVENTS", "subjects": ["event.>"], "max_age": 60},),
        consumers=(("EVENTS", {"durable_name": "readers", "ack_policy": "explicit"}),),
        commands=frozenset({"worker"}),
        fleet_version="0.1.0",
        ray_in_code="2.60.*",
        ray_in_image="2.60.0",
    )
