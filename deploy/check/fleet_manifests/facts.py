"""What the manifests are held to: versions, settings, streams, Secrets and schemas, each from its one source."""

import importlib.metadata
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from fleet_manifests.known_settings import SettingNames

KUBERNETES_VERSION = "1.33"
"""The oldest version that the manifests support: sidecar containers are stable in it."""
DOCKERFILE = Path("deploy/docker/fleet.Dockerfile")
SECRETS = Path("deploy/k8s/secrets.yaml")


class FactsError(Exception):
    """A source of facts is missing or unreadable; the message names the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A Secret that is made outside the manifests."""

    name: str
    keys: frozenset[str]
    used_outside: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All of them.

    Attributes:
        custom_kinds: CRD schemas by (apiVersion, kind); empty where no folder was given.
        streams: the code's declaration, as JetStream stream configurations.
        consumers: durable consumers the code declares, as (stream, JetStream consumer configuration).
        ray_in_code: the requirement of the package, as ``2.60.*``.
        ray_in_image: the version that the image installs.
    """

    kubernetes_version: str
    custom_kinds: Mapping[tuple[str, str], Mapping[str, Any]]
    secrets: Mapping[str, Secret]
    settings: SettingNames
    streams: Sequence[Mapping[str, Any]]
    consumers: Sequence[tuple[str, Mapping[str, Any]]]
    commands: frozenset[str]
    fleet_version: str
    ray_in_code: str
    ray_in_image: str


def _schema_of(document: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Mapping[str, Any]]]:
    if document.get("kind") == "CustomResourceDefinition":
        spec = document["spec"]
        for version in spec["versions"]:
            api_version = f"{spec['group']}/{version['name']}"
            yield (api_version, spec["names"]["kind"]), version["schema"]["openAPIV3Schema"]
    elif {"group", "version", "kind", "schema"} <= document.keys():
        api_version = f"{document['group']}/{document['version']}"
        yield (api_version, document["kind"]), document["schema"]


def custom_kinds(folder: Path) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Schemas of all CRDs in a folder: CustomResourceDefinition YAML, or JSON of group, version, kind and schema.

    Raises:
        FactsError: the folder holds none.
    """
    found: dict[tuple[str, str], Mapping[str, Any]] = {}
    for path in sorted(folder.glob("*.json")):
        found.update(_schema_of(json.loads(path.read_text())))
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        for document in yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader):
            found.update(_schema_of(document or {}))
    if not found:
        raise FactsError(f"no CRD schema in {folder}")
    return found


def declared_secrets(path: Path) -> dict[str, Secret]:
    """The Secrets that an installation provides, by name."""
    entries = yaml.safe_load(path.read_text())["secrets"]
    secrets = (
        Secret(
            name=entry["name"],
            keys=frozenset(entry["keys"]),
            used_outside=entry.get("used_outside", False),
        )
        for entry in entries
    )
    return {secret.name: secret for secret in secrets}


def ray_of_image(dockerfile: Path) -> str:
    """The version that the image installs.

    Raises:
        FactsError: the Dockerfile does not say.
    """
    found = re.search(r"^ARG RAY_VERSION=(\S+)$", dockerfile.read_text(), re.MULTILINE)
    if found is None:
        raise FactsError(f"{dockerfile} has no ARG RAY_VERSION=<version>")
    return found[1]


def ray_of_code() -> str:
    """The version that the package requires, as written after ``ray==``.

    Raises:
        FactsError: the requirement is not an exact one.
    """
    for requirement in importlib.metadata.requires("swe-ai-fleet") or ():
        if found := re.match(r"ray(?:\[[^\]]*\])?==([^\s;]+)", requirement):
            return found[1]
    raise FactsError("swe-ai-fleet does not require one version of ray")
