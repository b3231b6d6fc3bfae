"""What the documentation tells readers to type does what it says."""

import doctest
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from documents import Block, blocks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = [ROOT / "README.md", ROOT / "docs" / "tutorial.md"]
_CHECKER = doctest.OutputChecker()


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", RUN, ids=names)
def test_every_command_is_run_or_says_why_not(page: Path) -> None:
    unmarked = [
        b.body for b in blocks(page) if b.language == "console" and not b.runs and "not run" not in b.mark
    ]
    assert unmarked == []


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_targets_of_make_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = re.findall(r"(?:`|\$ )make ([a-z-]+)", page.read_text(encoding="utf-8"))
    assert set(named) <= targets


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_lead_somewhere(page: Path) -> None:
    linked = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in linked if not (page.parent / link).exists()] == []


@pytest.fixture
def environment(tmp_path: Path) -> Mapping[str, str]:
    """A reader's: their own home folder, this environment's programs, nothing configured."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FLEET_")}  # noqa: TID251  # the reader's shell
    home = tmp_path / "home"
    home.mkdir()
    path = f"{Path(sys.executable).parent}:{inherited['PATH']}"
    return {
        **inherited,
        "PATH": path,
        "HOME": str(home),
        "XDG_DATA_HOME": str(home / "data"),
        "COLUMNS": "120",
    }


def type_in(block: Block, folder: Path, environment: Mapping[str, str]) -> Path:
    """Type the commands of a block; the folder in which the reader stands afterwards."""
    for command, shown in block.commands:
        if command.startswith("cd "):
            folder = folder / command.removeprefix("cd ")
            continue
        done = subprocess.run(
            ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}{done.stderr}"
        assert not shown or _CHECKER.check_output(shown, done.stdout, doctest.ELLIPSIS), (
            f"$ {command}\n{done.stdout}"
        )
    return folder


@pytest.mark.local
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", RUN, ids=names)
def test_the_commands_of_a_page_work(page: Path, tmp_path: Path, environment: Mapping[str, str]) -> None:
    folder = checkout = tmp_path / "checkout"
    shutil.copytree(
        ROOT / "examples", checkout / "examples", ignore=shutil.ignore_patterns("*cache*", "node_modules")
    )
    for command in (
        "init --quiet",
        "add .",
        "-c user.name=me -c user.email=me@example.org commit --quiet -m all",
    ):
        subprocess.run(["git", *command.split()], cwd=checkout, env=environment, check=True)
    for block in blocks(page):
        if block.file is not None:
            path = checkout / block.file
            path.parent.mkdir(exist_ok=True)
            path.write_text(block.body)
        elif block.runs:
            folder = type_in(block, folder, environment)
