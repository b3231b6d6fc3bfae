"""Settings used equal settings known."""

from collections.abc import Iterator

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.pods import pods
from fleet_manifests.rendering import Rendering

PREFIX = "FLEET_"


def _used(rendering: Rendering) -> Iterator[tuple[str, str]]:
    for pod in pods(rendering):
        for container in pod.containers():
            for variable in container.body.get("env") or ():
                yield container.where, variable.get("name", "")
    for manifest in rendering.of_kind("ConfigMap"):
        for key in manifest.body.get("data") or {}:
            yield manifest.where, key


def settings(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every FLEET_ variable is one that the fleet reads."""
    for where, name in _used(rendering):
        if name.startswith(PREFIX) and not facts.settings.knows(name):
            yield Finding(rule="setting", where=where, problem=f"the fleet has no setting {name}")
