"""Where pods hide: plain pods, workloads, and the templates inside Ray's kinds."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fleet_manifests.rendering import Manifest, Rendering

WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One container of a pod; ``sidecar`` is an init container that stays."""

    where: str
    name: str
    init: bool
    sidecar: bool
    body: Mapping[str, Any]

    @property
    def long_running(self) -> bool:
        """It runs as long as its pod."""
        return not self.init or self.sidecar


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One pod template, wherever it stands.

    Attributes:
        where: the object, and the path of the template inside it.
        owner: the object.
        labels: of the pods made from it, including those that the KubeRay operator adds.
        partial: a container that the operator completes (the Ray autoscaler), not a pod of its own.
    """

    where: str
    owner: Manifest
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    spec: Mapping[str, Any]
    partial: bool = False

    def containers(self) -> Iterator[Container]:
        """Init containers first, in order of start."""
        for init, key in ((True, "initContainers"), (False, "containers")):
            for body in self.spec.get(key) or ():
                name = body.get("name", "")
                sidecar = init and body.get("restartPolicy") == "Always"
                yield Container(
                    where=f"{self.where}: {name}", name=name, init=init, sidecar=sidecar, body=body
                )


def _template(owner: Manifest, path: str, template: Mapping[str, Any], labels: Mapping[str, str]) -> Pod:
    metadata = template.get("metadata") or {}
    return Pod(
        where=f"{owner.where} {path}".strip(),
        owner=owner,
        labels={**(metadata.get("labels") or {}), **labels},
        annotations=metadata.get("annotations") or {},
        spec=template.get("spec") or {},
    )


def _cluster_spec(manifest: Manifest) -> tuple[str, Mapping[str, Any] | None]:
    spec = manifest.body.get("spec") or {}
    match manifest.kind:
        case "RayCluster":
            return "spec", spec
        case "RayJob":
            return "spec.rayClusterSpec", spec.get("rayClusterSpec")
        case "RayService":
            return "spec.rayClusterConfig", spec.get("rayClusterConfig")
        case _:
            return "", None


def _ray_pods(manifest: Manifest) -> Iterator[Pod]:
    path, cluster = _cluster_spec(manifest)
    submitter = (manifest.body.get("spec") or {}).get("submitterPodTemplate")
    if submitter:
        yield _template(manifest, "spec.submitterPodTemplate", submitter, {})
    if not cluster:
        return
    common = {"ray.io/is-ray-node": "yes"}
    if manifest.kind == "RayCluster":
        common["ray.io/cluster"] = manifest.name
    head = cluster.get("headGroupSpec") or {}
    head_template = head.get("template") or {}
    yield _template(manifest, f"{path}.headGroupSpec", head_template, {**common, "ray.io/node-type": "head"})
    if cluster.get("enableInTreeAutoscaling"):
        yield _autoscaler(manifest, path, cluster, head_template)
    for group in cluster.get("workerGroupSpecs") or ():
        name = group.get("groupName", "")
        labels = {**common, "ray.io/node-type": "worker", "ray.io/group": name}
        yield _template(manifest, f"{path}.workerGroupSpecs[{name}]", group.get("template") or {}, labels)


def _autoscaler(manifest: Manifest, path: str, cluster: Mapping[str, Any], head: Mapping[str, Any]) -> Pod:
    """The container that the operator adds to the head, with the head's own pod around it."""
    options = cluster.get("autoscalerOptions") or {}
    head_spec = head.get("spec") or {}
    image = (head_spec.get("containers") or [{}])[0].get("image", "")
    kept = ("image", "resources", "securityContext", "env", "envFrom", "volumeMounts")
    container = {"name": "autoscaler", "image": image} | {key: options[key] for key in kept if key in options}
    return Pod(
        where=f"{manifest.where} {path}.autoscalerOptions",
        owner=manifest,
        labels={},
        annotations={},
        spec={**head_spec, "containers": [container], "initContainers": []},
        partial=True,
    )


def pods_of(manifest: Manifest) -> Iterator[Pod]:
    """Every pod template of one object."""
    spec = manifest.body.get("spec") or {}
    if manifest.kind == "Pod":
        yield _template(manifest, "", manifest.body, {})
    elif manifest.kind in WORKLOADS:
        yield _template(manifest, "", spec.get("template") or {}, {})
    elif manifest.kind == "CronJob":
        job = (spec.get("jobTemplate") or {}).get("spec") or {}
        yield _template(manifest, "", job.get("template") or {}, {})
    elif manifest.group == "ray.io":
        yield from _ray_pods(manifest)


def pods(rendering: Rendering) -> Iterator[Pod]:
    """Every pod template of a rendering."""
    for manifest in rendering.manifests:
        yield from pods_of(manifest)


def ray_clusters(rendering: Rendering) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where, and the cluster's specification, of each Ray cluster wherever it stands."""
    for manifest in rendering.manifests:
        path, cluster = _cluster_spec(manifest)
        if cluster:
            yield f"{manifest.where} {path}", cluster
