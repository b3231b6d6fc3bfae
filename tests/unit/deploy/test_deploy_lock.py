"""The image installs what the package requires, by hash, and names no registry."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
LOCK = (ROOT / "deploy" / "docker" / "requirements.lock").read_text()
LOCKED = dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", LOCK, re.MULTILINE))
REQUIRED = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
HOW = (
    "uv pip compile --universal --generate-hashes --no-header --no-annotate --no-emit-index-url"
    " --python-version 3.11 pyproject.toml -o deploy/docker/requirements.lock"
)


@pytest.mark.parametrize("required", REQUIRED)
def test_the_lock_fits_the_package(required: str) -> None:
    requirement = Requirement(required)
    assert requirement.name in LOCKED, HOW
    assert requirement.specifier.contains(LOCKED[requirement.name]), HOW


def test_everything_is_locked_by_hash() -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", LOCK.strip())
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_no_address_is_in_the_lock() -> None:
    assert re.findall(r"\w+://\S+|^--.*", LOCK, re.MULTILINE) == []
