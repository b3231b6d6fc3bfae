"""Which pod is told to talk to which: the addresses in its settings and arguments, resolved through Services."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleet_manifests.addresses import ADDRESS, scrape_jobs, service_of, strings
from fleet_manifests.pods import Pod, pods, pods_of
from fleet_manifests.references import head_services, selects
from fleet_manifests.rendering import Rendering


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One connection that a pod is told to make."""

    source: Pod
    target: Pod
    address: str
    port: int
    port_name: str


def _texts(pod: Pod, configs: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for container in pod.containers():
        for key in ("env", "command", "args"):
            yield from strings(container.body.get(key))
        for source in container.body.get("envFrom") or ():
            name = (source.get("configMapRef") or {}).get("name", "")
            yield from configs.get(name, {}).values()


def _scraped(pod: Pod, configs: Mapping[str, Mapping[str, str]]) -> Iterator[tuple[str, int]]:
    for volume in pod.spec.get("volumes") or ():
        name = (volume.get("configMap") or {}).get("name", "")
        for _, host, port in scrape_jobs(configs.get(name, {})):
            yield host, port


def _opened(pod: Pod) -> Iterator[tuple[int, str]]:
    for container in pod.containers():
        for port in container.body.get("ports") or ():
            yield port["containerPort"], port.get("name", "")


def _targets(rendering: Rendering, service: str, port: int) -> Iterator[tuple[Pod, int, str]]:
    templates = [pod for manifest in rendering.world for pod in pods_of(manifest) if not pod.partial]
    for manifest in rendering.world:
        if manifest.kind != "Service" or manifest.name != service:
            continue
        spec = manifest.body["spec"]
        wanted = {p.get("targetPort", p["port"]) for p in spec.get("ports") or () if p["port"] == port}
        for pod in templates:
            if selects(spec.get("selector") or {}, pod):
                yield from ((pod, n, name) for n, name in _opened(pod) if {n, name} & wanted)
    for name, cluster in head_services(rendering):
        head = next(pods_of(cluster))
        if name == service:
            yield from ((head, number, name) for number, name in _opened(head) if number == port)


def links(rendering: Rendering) -> Iterator[Link]:
    """Every connection inside the namespace that this kustomization's pods are told to make, each once."""
    configs = {m.name: m.body.get("data") or {} for m in rendering.world if m.kind == "ConfigMap"}
    for pod in pods(rendering):
        if pod.partial:
            continue
        found = {(h, int(p)) for text in _texts(pod, configs) for h, p in ADDRESS.findall(text)}
        for host, port in sorted(found | set(_scraped(pod, configs))):
            for target, number, name in _targets(rendering, service_of(host), port):
                yield Link(source=pod, target=target, address=f"{host}:{port}", port=number, port_name=name)
