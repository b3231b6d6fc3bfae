"""A small repository, and a cache for copies of it."""

from pathlib import Path

import pytest
from sandboxes import SHOP_FILES, make_repository

from swe_ai_fleet.sandbox.workspaces import GitWorkspaces


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", SHOP_FILES)


@pytest.fixture
def workspaces(tmp_path: Path) -> GitWorkspaces:
    return GitWorkspaces(tmp_path / "cache")
