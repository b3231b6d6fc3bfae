"""Which file holds what."""

from collections.abc import Mapping

from fleet_docs.asyncapi import asyncapi_yaml
from fleet_docs.settings_page import settings_page
from fleet_docs.streams_json import streams_json
from swe_ai_fleet.settings import PREFIX, Settings


def targets() -> Mapping[str, str]:
    """The text of every generated file by its path from the repository's root."""
    return {
        "docs/settings.md": settings_page(Settings, prefix=PREFIX),
        "schemas/asyncapi.yaml": asyncapi_yaml(),
        "deploy/k8s/base/streams/streams.json": streams_json(),
    }
