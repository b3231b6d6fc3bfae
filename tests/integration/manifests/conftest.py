"""The repository's own manifests, rendered for real."""

import os
import shutil
from pathlib import Path

import pytest

from fleet_manifests.facts import Facts
from fleet_manifests.rendering import RendererMissingError, renderer
from fleet_manifests.sources import gather

ROOT = Path(__file__).parents[3]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder that renders needs kubectl or kustomize."""
    try:
        renderer()
    except RendererMissingError as error:
        skip = pytest.mark.skip(reason=f"{error} Then: pytest -m k8s")
        for item in items:
            if item.get_closest_marker("k8s"):
                item.add_marker(skip)


@pytest.fixture(scope="session")
def crd_schemas() -> Path | None:
    """Folder with the schemas of custom kinds, where one was given."""
    folder = os.environ.get("FLEET_CRD_SCHEMAS")  # noqa: TID251  # a setting of the tests, not of the fleet
    return Path(folder) if folder else None


@pytest.fixture(scope="session")
def facts(crd_schemas: Path | None) -> Facts:
    """What the manifests are held to."""
    return gather(ROOT, crd_schemas)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of ``deploy`` for planting mistakes."""
    shutil.copytree(ROOT / "deploy", tmp_path / "deploy")
    return tmp_path / "deploy"
