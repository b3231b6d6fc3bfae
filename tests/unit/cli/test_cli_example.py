"""The demo's example: a fresh repository every time, nothing of the user's touched."""

import subprocess
from pathlib import Path

import pytest

from swe_ai_fleet.cli import example
from swe_ai_fleet.cli.example import fresh_example, packaged_example
from swe_ai_fleet.cli.task_file import read_task
from swe_ai_fleet.errors import UnreachableError


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def git(folder: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout


def test_it_is_a_clean_repository_with_one_commit(tmp_path: Path) -> None:
    folder = fresh_example()
    assert folder.parent == tmp_path / ".fleet" / "demo"
    assert git(folder / "stockroom", "status", "--porcelain") == ""
    assert git(folder / "stockroom", "log", "--format=%s") == "The stockroom, with a bug\n"
    assert not list(folder.rglob("__pycache__"))


def test_its_task_is_valid_and_asks_for_at_least_six_agents() -> None:
    task = read_task(str(fresh_example() / "task.yaml")).task
    assert task.council.agents >= 6
    assert task.checks


def test_every_call_makes_another_one_and_git_ignores_them(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    assert fresh_example() != fresh_example()
    assert git(tmp_path, "status", "--porcelain") == ""


def test_a_folder_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".fleet").write_text("a file of the user's")
    folder = fresh_example()
    assert tmp_path not in folder.parents
    assert (folder / "stockroom" / ".git").is_dir()


def test_hooks_and_identity_of_the_user_play_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (hooks / "pre-commit").write_text("#!/bin/sh\nexit 1\n")
    (hooks / "pre-commit").chmod(0o755)
    config = tmp_path / "gitconfig"
    config.write_text(f"[core]\n\thooksPath = {hooks}\n[commit]\n\tgpgsign = true\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    assert git(fresh_example() / "stockroom", "log", "--format=%an") == "SWE AI Fleet\n"


def test_without_git_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnreachableError, match="Install git"):
        fresh_example()


def test_the_example_of_the_checkout_is_found() -> None:
    assert (packaged_example() / "stockroom").is_dir()
    assert packaged_example().name == example._NAME
