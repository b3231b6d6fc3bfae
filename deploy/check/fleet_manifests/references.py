"""Closed references: whatever a manifest names exists, down to keys and ports."""

from collections.abc import Iterator, Mapping
from typing import Any

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.pods import Container, Pod, pods, pods_of
from fleet_manifests.rendering import Manifest, Rendering


def _keys_of(rendering: Rendering, facts: Facts) -> dict[tuple[str, str], frozenset[str]]:
    """Keys of every ConfigMap and Secret that exists, by kind and name."""
    known = {("Secret", secret.name): secret.keys for secret in facts.secrets.values()}
    for manifest in rendering.world:
        if manifest.kind in {"ConfigMap", "Secret"}:
            keys = {*(manifest.body.get("data") or {}), *(manifest.body.get("stringData") or {})}
            known[manifest.kind, manifest.name] = frozenset(keys)
    return known


def _env_references(container: Container) -> Iterator[tuple[str, str, str | None]]:
    for source in container.body.get("envFrom") or ():
        for key, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if key in source:
                yield kind, source[key]["name"], None
    for variable in container.body.get("env") or ():
        source = variable.get("valueFrom") or {}
        for key, kind in (("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")):
            if key in source:
                yield kind, source[key]["name"], source[key]["key"]


def _source_references(source: Mapping[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    for key, kind, name in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName")):
        if key in source:
            target = source[key].get(name) or source[key].get("name", "")
            yield kind, target, None
            for item in source[key].get("items") or ():
                yield kind, target, item["key"]
    for nested in (source.get("projected") or {}).get("sources") or ():
        yield from _source_references(nested)


def _pod_references(pod: Pod) -> Iterator[tuple[str, str, str, str | None]]:
    for container in pod.containers():
        for reference in _env_references(container):
            yield container.where, *reference
    for volume in pod.spec.get("volumes") or ():
        for reference in _source_references(volume):
            yield f"{pod.where}: volume {volume.get('name')}", *reference
    for pull in pod.spec.get("imagePullSecrets") or ():
        yield pod.where, "Secret", pull["name"], None


def _ray_token(rendering: Rendering) -> Iterator[tuple[str, str, str, str | None]]:
    for manifest in rendering.of_kind("RayCluster", "RayJob", "RayService"):
        spec = manifest.body.get("spec") or {}
        for cluster in (spec, spec.get("rayClusterSpec") or {}, spec.get("rayClusterConfig") or {}):
            if name := (cluster.get("authOptions") or {}).get("secretName"):
                yield f"{manifest.where} authOptions", "Secret", name, "auth_token"


def configuration(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every ConfigMap and Secret that is referred to exists and has the key."""
    known = _keys_of(rendering, facts)
    references = [reference for pod in pods(rendering) for reference in _pod_references(pod)]
    for where, kind, name, key in [*references, *_ray_token(rendering)]:
        keys = known.get((kind, name))
        if keys is None:
            yield Finding(rule="reference", where=where, problem=f"there is no {kind} {name}")
        elif key is not None and key not in keys:
            yield Finding(rule="reference", where=where, problem=f"{kind} {name} has no key {key}")


def volumes(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every mount has its volume, every volume is mounted, every claim and service account exists."""
    del facts
    names = {kind: set[str]() for kind in ("PersistentVolumeClaim", "ServiceAccount")}
    for manifest in rendering.world:
        names.get(manifest.kind, set()).add(manifest.name)
    autoscaled = {pod.owner.where for pod in pods(rendering) if pod.partial}
    for pod in pods(rendering):
        templates = (pod.owner.body.get("spec") or {}).get("volumeClaimTemplates") or ()
        own = {volume.get("name"): volume for volume in pod.spec.get("volumes") or ()}
        own |= {template["metadata"]["name"]: {} for template in templates}
        mounted = {mount["name"] for c in pod.containers() for mount in c.body.get("volumeMounts") or ()}
        for name in sorted(mounted - own.keys()):
            yield Finding(rule="reference", where=pod.where, problem=f"there is no volume {name} to mount")
        if not pod.partial and pod.owner.where not in autoscaled:
            for name in sorted(own.keys() - mounted):
                yield Finding(rule="reference", where=pod.where, problem=f"volume {name} is mounted nowhere")
        yield from _claims(pod, own, names)


def _claims(pod: Pod, own: Mapping[Any, Any], names: Mapping[str, set[str]]) -> Iterator[Finding]:
    for volume in own.values():
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and claim not in names["PersistentVolumeClaim"]:
            problem = f"there is no PersistentVolumeClaim {claim}"
            yield Finding(rule="reference", where=pod.where, problem=problem)
    account = pod.spec.get("serviceAccountName")
    if account and account not in names["ServiceAccount"]:
        yield Finding(rule="reference", where=pod.where, problem=f"there is no ServiceAccount {account}")


def selects(selector: Mapping[str, str], pod: Pod) -> bool:
    """Whether a Service or a budget with this selector takes the pod."""
    return all(pod.labels.get(key) == value for key, value in selector.items())


def _port_names(pod: Pod) -> set[str | int]:
    names: set[str | int] = set()
    for container in pod.containers():
        for port in container.body.get("ports") or ():
            names |= {port.get("name", ""), port["containerPort"]}
    return names


def services(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every Service selects pods that exist, and leads to a port that one of their containers opens."""
    del facts
    templates = [pod for manifest in rendering.world for pod in pods_of(manifest) if not pod.partial]
    for service in rendering.of_kind("Service"):
        spec = service.body.get("spec") or {}
        selected = [pod for pod in templates if selects(spec.get("selector") or {}, pod)]
        if not selected:
            yield Finding(rule="reference", where=service.where, problem="selects no pod")
        for port in spec.get("ports") or ():
            target = port.get("targetPort", port["port"])
            if selected and not any(target in _port_names(pod) for pod in selected):
                problem = f"port {port.get('name')} leads to {target}, which no container opens"
                yield Finding(rule="reference", where=service.where, problem=problem)


def probe_ports(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every probe and hook asks a port that its own container opens."""
    del facts
    for pod in pods(rendering):
        for container in pod.containers():
            opened = {name for port in container.body.get("ports") or () for name in port.values()}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                probe = container.body.get(kind) or {}
                for action in ("httpGet", "tcpSocket", "grpc"):
                    port = (probe.get(action) or {}).get("port")
                    if port is not None and port not in opened:
                        problem = f"{kind} asks port {port}, which the container does not open"
                        yield Finding(rule="reference", where=container.where, problem=problem)


def workload_targets(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Scalers, budgets and governing Services name what exists."""
    del facts
    existing = {(manifest.kind, manifest.name) for manifest in rendering.world}
    for scaler in rendering.of_kind("ScaledObject"):
        target = scaler.body["spec"]["scaleTargetRef"]
        if (target.get("kind", "Deployment"), target["name"]) not in existing:
            problem = f"there is no {target.get('kind', 'Deployment')} {target['name']} to scale"
            yield Finding(rule="reference", where=scaler.where, problem=problem)
    for workload in rendering.of_kind("StatefulSet"):
        name = workload.body["spec"].get("serviceName")
        if ("Service", name) not in existing:
            yield Finding(rule="reference", where=workload.where, problem=f"there is no Service {name}")
    yield from _budgets(rendering)


def _budgets(rendering: Rendering) -> Iterator[Finding]:
    templates = [pod for pod in pods(rendering) if not pod.partial]
    for budget in rendering.of_kind("PodDisruptionBudget"):
        selector = (budget.body["spec"].get("selector") or {}).get("matchLabels") or {}
        if not any(selects(selector, pod) for pod in templates):
            yield Finding(rule="reference", where=budget.where, problem="selects no pod")


def unused(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every ConfigMap of this kustomization is used by one of its pods, unless a label says who picks it up."""
    del facts
    used = {(kind, name) for pod in pods(rendering) for _, kind, name, _ in _pod_references(pod)}
    for config in rendering.of_kind("ConfigMap"):
        labels = config.body["metadata"].get("labels") or {}
        if ("ConfigMap", config.name) not in used and "grafana_dashboard" not in labels:
            yield Finding(rule="unused", where=config.where, problem="no pod uses it")


def unused_secrets(renderings: tuple[Rendering, ...], facts: Facts) -> Iterator[Finding]:
    """Every Secret that an operator is told to make is used somewhere, or is marked as used outside."""
    used = {
        name
        for rendering in renderings
        for source in ([r for pod in pods(rendering) for r in _pod_references(pod)], _ray_token(rendering))
        for _, kind, name, _ in source
        if kind == "Secret"
    }
    for secret in facts.secrets.values():
        if secret.name not in used and not secret.used_outside:
            yield Finding(rule="unused", where=f"Secret/{secret.name}", problem="nothing refers to it")


def head_services(rendering: Rendering) -> Iterator[tuple[str, Manifest]]:
    """Names of the Services that the KubeRay operator makes for the heads of clusters."""
    for manifest in rendering.world:
        if manifest.kind == "RayCluster":
            yield f"{manifest.name}-head-svc", manifest
