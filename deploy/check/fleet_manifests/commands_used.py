"""Commands used equal commands known."""

import shlex
from collections.abc import Iterator

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.pods import pods
from fleet_manifests.rendering import Rendering

PROGRAM = "swe-fleet"


def _used(rendering: Rendering) -> Iterator[tuple[str, list[str]]]:
    for pod in pods(rendering):
        for container in pod.containers():
            yield (
                container.where,
                [*(container.body.get("command") or ()), *(container.body.get("args") or ())],
            )
    for job in rendering.of_kind("RayJob"):
        yield job.where, shlex.split(job.body["spec"].get("entrypoint") or "")


def commands(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every ``swe-fleet`` command line begins with a command that the fleet has."""
    for where, words in _used(rendering):
        if words[:1] == [PROGRAM] and (len(words) < 2 or words[1] not in facts.commands):
            shown = " ".join(words[:2])
            yield Finding(rule="command", where=where, problem=f"the fleet has no command {shown}")
