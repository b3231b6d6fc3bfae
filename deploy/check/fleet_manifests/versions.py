"""Images by version, and one version of Ray and of the fleet everywhere."""

import re
from collections.abc import Iterator

from fleet_manifests.facts import Facts
from fleet_manifests.findings import Finding
from fleet_manifests.pods import pods, ray_clusters
from fleet_manifests.rendering import Rendering

FLEET_IMAGE = "swe-ai-fleet"
_DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_VERSION_TAG = re.compile(r":v?\d+\.\d+(?:\.\d+)?[\w.+-]*$")


def images(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every image has a digest or a tag that is a version; the fleet's own says which fleet and which Ray."""
    for pod in pods(rendering):
        for container in pod.containers():
            image = container.body.get("image", "")
            if not (_DIGEST.search(image) or _VERSION_TAG.search(image)):
                yield Finding(rule="image", where=container.where, problem=f"{image or 'none'} is no version")
            name, _, tag = image.rpartition(":")
            wanted = f"{facts.fleet_version}-ray{facts.ray_in_image}"
            if name.rpartition("/")[2] == FLEET_IMAGE and tag != wanted:
                yield Finding(rule="version", where=container.where, problem=f"{image} is not {wanted}")


def ray_versions(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Code, image and clusters agree on the version of Ray."""
    pattern = re.escape(facts.ray_in_code).replace(r"\.\*", r"(\.\d+)*")
    if not re.fullmatch(pattern, facts.ray_in_image):
        problem = f"installs Ray {facts.ray_in_image}, the package requires {facts.ray_in_code}"
        yield Finding(rule="version", where="image", problem=problem)
    for where, cluster in ray_clusters(rendering):
        if cluster.get("rayVersion") != facts.ray_in_image:
            problem = f"rayVersion {cluster.get('rayVersion')} is not the image's {facts.ray_in_image}"
            yield Finding(rule="version", where=where, problem=problem)


def ray_tokens(rendering: Rendering, facts: Facts) -> Iterator[Finding]:
    """Every Ray cluster demands a token: without it, who reaches the job port runs code on every node."""
    del facts
    for where, cluster in ray_clusters(rendering):
        options = cluster.get("authOptions") or {}
        if options.get("mode") != "token" or not options.get("secretName"):
            yield Finding(rule="ray-token", where=where, problem="authOptions names no token Secret")
