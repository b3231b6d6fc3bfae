"""Bare make lists every target; hooks and CI call targets that are there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make: apt-get install make")
def test_bare_make_lists_every_target() -> None:
    done = subprocess.run(["make", "--silent"], cwd=ROOT, capture_output=True, text=True, check=True)
    listed = set(re.findall(r"^  ([a-z-]+) ", done.stdout, re.MULTILINE))
    assert listed == TARGETS


def test_every_target_is_phony() -> None:
    declared = re.findall(r"^\.PHONY:((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert set(" ".join(declared).replace("\\", " ").split()) == TARGETS


def test_hooks_call_targets() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    called = {hook["entry"].removeprefix("make ") for hook in hooks}
    assert called <= TARGETS


def test_ci_is_valid_bash_and_calls_targets() -> None:
    script = ROOT / ".ci" / "run"
    subprocess.run(["bash", "-n", str(script)], check=True)
    called = re.findall(r"make --no-print-directory ([a-z-]+)", script.read_text())
    assert set(called) <= TARGETS
    assert {"lint", "types", "arch", "manifests-check", "test"} <= set(called)
