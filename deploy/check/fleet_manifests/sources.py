"""Gathers the facts from the repository and the installed package."""

from pathlib import Path

import swe_ai_fleet
from fleet_manifests.facts import (
    DOCKERFILE,
    KUBERNETES_VERSION,
    SECRETS,
    Facts,
    custom_kinds,
    declared_secrets,
    ray_of_code,
    ray_of_image,
)
from fleet_manifests.known_settings import setting_names
from swe_ai_fleet.cli.app import COMMANDS
from swe_ai_fleet.messaging.streams import consumer_declarations, stream_declarations
from swe_ai_fleet.settings import PREFIX, Settings


def gather(root: Path, crd_schemas: Path | None) -> Facts:
    """All facts; without a folder of CRD schemas, custom kinds stay unknown.

    Raises:
        FactsError: a source is missing or unreadable.
    """
    return Facts(
        kubernetes_version=KUBERNETES_VERSION,
        custom_kinds=custom_kinds(crd_schemas) if crd_schemas else {},
        secrets=declared_secrets(root / SECRETS),
        settings=setting_names(Settings, prefix=PREFIX),
        streams=stream_declarations(),
        consumers=consumer_declarations(),
        commands=frozenset(COMMANDS),
        fleet_version=swe_ai_fleet.__version__,
        ray_in_code=ray_of_code(),
        ray_in_image=ray_of_image(root / DOCKERFILE),
    )
