"""The restricted profile of the Pod Security Standards, and what the fleet demands beyond it."""

from collections.abc import Iterator, Mapping
from typing import Any

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.pods import Container, Pod, pods
from fleet_manifests.rendering import Rendering

ALLOWED_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
SAFE_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
    }
)
LOWEST_USER = 10_000
"""Below it, a user of the image may also be one of the node."""


def _pod_problems(pod: Pod) -> Iterator[str]:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.get(key):
            yield f"{key} is on"
    for volume in pod.spec.get("volumes") or ():
        for kind in sorted(set(volume) - {"name"} - ALLOWED_VOLUMES):
            yield f"volume {volume.get('name')} is a {kind}"
    for sysctl in (pod.spec.get("securityContext") or {}).get("sysctls") or ():
        if sysctl.get("name") not in SAFE_SYSCTLS:
            yield f"sysctl {sysctl.get('name')} is not a safe one"


def _capability_problems(context: Mapping[str, Any]) -> Iterator[str]:
    capabilities = context.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "capabilities do not drop ALL"
    for added in capabilities.get("add") or ():
        if added != "NET_BIND_SERVICE":
            yield f"capability {added} is added"


def _user_problems(context: Mapping[str, Any], around: Mapping[str, Any]) -> Iterator[str]:
    if context.get("runAsNonRoot", around.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot is not true"
    user = context.get("runAsUser", around.get("runAsUser"))
    if user is not None and user < LOWEST_USER:
        yield f"runAsUser is {user}, below {LOWEST_USER}"
    seccomp = context.get("seccompProfile", around.get("seccompProfile")) or {}
    if seccomp.get("type") not in {"RuntimeDefault", "Localhost"}:
        yield "seccompProfile is neither RuntimeDefault nor Localhost"


def _container_problems(container: Container, around: Mapping[str, Any]) -> Iterator[str]:
    context = container.body.get("securityContext") or {}
    if context.get("privileged"):
        yield "the container is privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation is not false"
    if context.get("procMount", "Default") != "Default":
        yield "procMount is not Default"
    if context.get("readOnlyRootFilesystem") is not True:
        yield "readOnlyRootFilesystem is not true"
    yield from _capability_problems(context)
    yield from _user_problems(context, around)
    for port in container.body.get("ports") or ():
        if port.get("hostPort"):
            yield f"hostPort {port['hostPort']} is taken"


def pod_security(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every pod fits the restricted profile; root filesystems are read-only, users are not the node's."""
    del facts
    for pod in pods(rendering):
        for problem in _pod_problems(pod):
            yield Finding(rule="pod-security", where=pod.where, problem=problem)
        around = pod.spec.get("securityContext") or {}
        for container in pod.containers():
            for problem in _container_problems(container, around):
                yield Finding(rule="pod-security", where=container.where, problem=problem)


def namespace_security(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every namespace enforces the restricted profile, and every object is in a namespace."""
    del facts
    label = "pod-security.kubernetes.io/enforce"
    for manifest in rendering.manifests:
        if manifest.kind == "Namespace":
            labels = manifest.body["metadata"].get("labels") or {}
            if labels.get(label) != "restricted":
                problem = f"{label} is {labels.get(label)}, not restricted"
                yield Finding(rule="namespace-security", where=manifest.where, problem=problem)
        elif not manifest.namespace:
            yield Finding(rule="namespace-security", where=manifest.where, problem="has no namespace")


def service_account_tokens(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Only a Ray head whose autoscaler asks the Kubernetes API carries a token for it."""
    del facts
    autoscaled = {pod.owner.where for pod in pods(rendering) if pod.partial}
    for pod in pods(rendering):
        needs_token = pod.owner.where in autoscaled and pod.labels.get("ray.io/node-type") == "head"
        if not needs_token and not pod.partial and pod.spec.get("automountServiceAccountToken") is not False:
            problem = "automountServiceAccountToken is not false"
            yield Finding(rule="api-token", where=pod.where, problem=problem)
