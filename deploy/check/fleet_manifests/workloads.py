"""What every workload states: resources, probes, spread, budgets, time to stop."""

import re
from collections.abc import Iterator, Mapping

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.pods import Container, Pod, pods
from fleet_manifests.rendering import Rendering

_UNITS = {"": 1, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9}
_SPREAD_KEYS = frozenset({"kubernetes.io/hostname", "topology.kubernetes.io/zone"})
_REPLICATED = frozenset({"Deployment", "StatefulSet", "RayCluster"})


def quantity(text: str) -> float:
    """A Kubernetes quantity as a number: bytes, cores or pieces."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(m|[KMGT]i|[kMG])?", text)
    if found is None:
        raise ValueError(f"{text} is no quantity")
    number, unit = float(found[1]), found[2] or ""
    return number / 1000 if unit == "m" else number * _UNITS[unit]


def _resource_problems(container: Container) -> Iterator[str]:
    resources = container.body.get("resources") or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for kind in ("cpu", "memory"):
        if kind not in requests:
            yield f"no request for {kind}"
        if kind not in limits:
            yield f"no limit on {kind}"
        elif kind in requests and quantity(str(requests[kind])) > quantity(str(limits[kind])):
            yield f"requests {requests[kind]} {kind}, above its limit {limits[kind]}"
    if container.long_running and requests.get("memory") != limits.get("memory"):
        yield "the request for memory is not its limit: the node may kill it at any time"


def resources(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every container says what it needs and what it may take; what keeps running has its memory for sure."""
    del facts
    for pod in pods(rendering):
        for container in pod.containers():
            for problem in _resource_problems(container):
                if pod.owner.kind != "Job" or "request for memory is" not in problem:
                    yield Finding(rule="resources", where=container.where, problem=problem)


def probes(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """What keeps running says whether it lives, and what is asked says whether it is ready."""
    del facts
    for pod in pods(rendering):
        if pod.owner.kind == "Job" or pod.partial:
            continue
        for container in pod.containers():
            wanted = ["livenessProbe"] if container.sidecar else ["livenessProbe", "readinessProbe"]
            for probe in wanted if container.long_running else ():
                if probe not in container.body:
                    yield Finding(rule="probes", where=container.where, problem=f"has no {probe}")


def _covers(selector: Mapping[str, str], pod: Pod) -> bool:
    return bool(selector) and all(pod.labels.get(key) == value for key, value in selector.items())


def budgets(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """A drain takes one pod of a workload at a time, and can take one."""
    del facts
    selectors = []
    for budget in rendering.of_kind("PodDisruptionBudget"):
        spec = budget.body["spec"]
        selectors.append((spec.get("selector") or {}).get("matchLabels") or {})
        if spec.get("maxUnavailable") in {0, "0%"}:
            yield Finding(rule="budget", where=budget.where, problem="no node with such a pod can be drained")
    for pod in pods(rendering):
        if pod.owner.kind in _REPLICATED and not pod.partial:
            covering = [selector for selector in selectors if _covers(selector, pod)]
            if len(covering) != 1:
                problem = f"{len(covering)} disruption budgets cover it, not one"
                yield Finding(rule="budget", where=pod.where, problem=problem)


def spread(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Pods of one workload are spread over nodes, counting themselves."""
    del facts
    for pod in pods(rendering):
        single = pod.labels.get("ray.io/node-type") == "head"
        if pod.owner.kind not in {*_REPLICATED, "RayJob"} or pod.partial or single:
            continue
        constraints = pod.spec.get("topologySpreadConstraints") or ()
        if not {item.get("topologyKey") for item in constraints} & _SPREAD_KEYS:
            yield Finding(rule="spread", where=pod.where, problem="is spread over neither nodes nor zones")
        for item in constraints:
            if not _covers((item.get("labelSelector") or {}).get("matchLabels") or {}, pod):
                problem = f"the spread over {item.get('topologyKey')} does not count its own pods"
                yield Finding(rule="spread", where=pod.where, problem=problem)


def selectors(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """A workload selects the pods that it makes."""
    del facts
    for pod in pods(rendering):
        if pod.owner.kind in {"Deployment", "StatefulSet"}:
            wanted = pod.owner.body["spec"]["selector"].get("matchLabels") or {}
            if not _covers(wanted, pod):
                yield Finding(rule="selector", where=pod.where, problem="does not select its own pods")
