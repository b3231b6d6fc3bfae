"""Addresses in settings, arguments, scalers and scrape jobs: each leads to a port of a Service that exists."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.pods import pods, pods_of
from fleet_manifests.references import head_services
from fleet_manifests.rendering import Rendering

ADDRESS = re.compile(
    r"(?<![\w.$/-])(?:[a-z][a-z+-]*://)?([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*):(\d{2,5})(?![\w.])"
)
_LOCAL = frozenset({"localhost"})


def _service_ports(rendering: Rendering) -> dict[str, set[int]]:
    ports: dict[str, set[int]] = {}
    for manifest in rendering.world:
        if manifest.kind == "Service":
            ports[manifest.name] = {port["port"] for port in manifest.body["spec"].get("ports") or ()}
    for name, cluster in head_services(rendering):
        head = next(pods_of(cluster))
        ports[name] = {port["containerPort"] for c in head.containers() for port in c.body.get("ports") or ()}
    return ports


def strings(node: object) -> Iterator[str]:
    """Every string inside a tree of mappings and lists."""
    match node:
        case str():
            yield node
        case Mapping():
            for value in node.values():
                yield from strings(value)
        case list():
            for value in node:
                yield from strings(value)
        case _:
            return


def _configured(rendering: Rendering) -> Iterator[tuple[str, str]]:
    for pod in pods(rendering):
        for container in pod.containers():
            parts = [container.body.get(key) for key in ("env", "command", "args")]
            yield from ((container.where, text) for text in strings(parts))


def _texts(rendering: Rendering) -> Iterator[tuple[str, str]]:
    yield from _configured(rendering)
    for manifest in rendering.of_kind("ScaledObject"):
        for text in strings(manifest.body["spec"].get("triggers")):
            yield manifest.where, text
    for manifest in rendering.of_kind("ConfigMap"):
        for key, text in (manifest.body.get("data") or {}).items():
            if key.startswith("FLEET_") or key.endswith(".conf"):
                yield f"{manifest.where} {key}", text


def service_of(host: str) -> str:
    """``nats``, ``nats.swe-ai-fleet.svc...`` and the pod ``nats-0.nats-headless`` are names of Services."""
    labels = host.split(".")
    return labels[1] if len(labels) == 2 else labels[0]


def _problem(host: str, port: int, ports: Mapping[str, set[int]]) -> str | None:
    service = service_of(host)
    if host in _LOCAL or (len(host.split(".")) > 2 and ".svc" not in host):
        return None
    if service not in ports:
        return f"{host}:{port}: there is no Service {service}"
    if port not in ports[service]:
        return f"{host}:{port}: Service {service} has no port {port}"
    return None


def addresses(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every ``host:port`` in the cluster is a Service's."""
    del facts
    ports = _service_ports(rendering)
    for where, text in _texts(rendering):
        for line in text.splitlines():
            for host, port in ADDRESS.findall(line.partition("#")[0]):
                if problem := _problem(host, int(port), ports):
                    yield Finding(rule="address", where=where, problem=problem)


def scrape_jobs(data: Mapping[str, str]) -> Iterator[tuple[str, str, int]]:
    """Job, host and port of every DNS look-up in the Prometheus configurations among a ConfigMap's data."""
    for text in data.values():
        config: Any = yaml.safe_load(text) if "scrape_configs:" in text else {}
        for job in config.get("scrape_configs") or ():
            for lookup in job.get("dns_sd_configs") or ():
                for name in lookup["names"]:
                    yield job["job_name"], name, lookup["port"]


def scrape_targets(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Prometheus looks up Services that exist, unless the component that makes them is left out of the overlay."""
    del facts
    ports = _service_ports(rendering)
    for manifest in rendering.of_kind("ConfigMap"):
        for job, host, port in scrape_jobs(manifest.body.get("data") or {}):
            if problem := _problem(host, port, ports):
                yield Finding(rule="address", where=f"{manifest.where} job {job}", problem=problem)
