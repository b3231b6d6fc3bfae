"""Bad input through the real command line: exit code 2, the field, the way out, and nothing on stdout."""

import io
import subprocess
import sys
from pathlib import Path

import pytest

from swe_ai_fleet.cli.main import main

TASK = "description: fix it\nrepo: ./stock\nchecks: [{name: tests, command: python -m pytest -q}]\n"


@pytest.fixture(autouse=True)
def _nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLEET_DATA_DIR", str(tmp_path / "data"))


def git(folder: Path, *words: str) -> None:
    who = ("-c", "user.name=user", "-c", "user.email=user@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def repository(folder: Path) -> Path:
    folder.mkdir()
    (folder / "stock.py").write_text("x = 1\n")
    git(folder, "init")
    git(folder, "add", "-A")
    git(folder, "commit", "-m", "as it is")
    return folder


def refused(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """The message of a command that ends with exit code 2."""
    assert main(args) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "Traceback" not in told.err
    return told.err


BAD: dict[str, tuple[str, tuple[str, ...], str]] = {
    # name: task file, options, what the message says
    "YAML error": ("a: [1\nb: 2\n", (), "task.yaml:2: task: not valid YAML"),
    "unknown field": ("description: x\nchekcs: []\n", (), "task.yaml:2: chekcs: is not a field of a task"),
    "wrong type": (
        "description: x\ncouncil: {agents: many}\n",
        (),
        "task.yaml:2: council.agents: must be a whole",
    ),
    "quorum": (
        "description: x\ncouncil: {agents: 2, quorum: 5}\n",
        (),
        "task.yaml:2: council.quorum: quorum 5 is",
    ),
    "quorum by option": (
        "description: x\n",
        ("--agents", "2", "--quorum", "3"),
        "--quorum: quorum 3 is above",
    ),
    "budget": ("description: x\nbudget: {seconds: -3}\n", (), "task.yaml:2: budget.seconds: must be above 0"),
    "budget by option": ("description: x\n", ("--budget-tokens=-3",), "--budget-tokens: must be above 0"),
    "deadline by option": (
        "description: x\n",
        ("--deadline", "0"),
        "--deadline: must be above 0 (given: 0.0)",
    ),
    "2 MiB of text": (f"description: {'word ' * 420_000}\n", (), "task.yaml:1: description: description has"),
    "no such folder": ("description: x\nrepo: ./none\n", (), "task.yaml:2: repo: there is no such folder"),
    "no such folder by option": ("description: x\n", ("--repo", "none"), "--repo: there is no such folder"),
    "model without provider": ("description: x\n", ("--model", "Qwen3"), "--model: the provider is missing"),
    "model without name": ("description: x\n", ("--model", "vllm:"), "--model: the model is missing"),
    "unknown provider": (
        "description: x\n",
        ("--model", "vllm:x"),
        "FLEET_MODELS__<PROVIDER>__URL configures one",
    ),
    "id": ("description: x\n", ("--id", "a.b"), "--id: is not a valid name"),
    "id too long": ("description: x\n", ("--id", "a" * 65), "--id: is not a valid name"),
    "apply without repo": ("description: x\n", ("--apply",), "--apply: a text-only task has no patch"),
    "apply to a URL": (
        "description: x\nrepo: https://example.org/x.git\n",
        ("--apply",),
        "--apply: only a folder of this machine can be changed",
    ),
}


@pytest.mark.parametrize("command", ["deliberate", "submit"])
@pytest.mark.parametrize("name", BAD)
def test_a_wrong_task_is_refused(name: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text, options, says = BAD[name]
    if command == "submit" and "--apply" in options:
        return
    Path("task.yaml").write_text(text)
    assert says in refused(capsys, command, "task.yaml", *options)


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "nothing.yaml: TASK: there is no such file" in refused(capsys, "deliberate", "nothing.yaml")


def test_a_folder_without_git_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "stock").mkdir()
    Path("task.yaml").write_text(TASK)
    told = refused(capsys, "deliberate", "task.yaml")
    assert "task.yaml:2: repo: it is not a git repository" in told
    assert "git init" in told


@pytest.mark.parametrize("command", ["deliberate", "submit"])
def test_a_path_that_is_not_utf8_is_refused(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("task.yaml").write_text("description: x\n")
    told = refused(capsys, command, "task.yaml", "--repo", "caf\udce9")
    assert "--repo: its path is not UTF-8 (given: 'caf\\udce9')" in told


def test_uncommitted_changes_are_refused_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (repository(tmp_path / "stock") / "stock.py").write_text("x = 2\n")
    Path("task.yaml").write_text(TASK)
    told = refused(capsys, "deliberate", "task.yaml")
    assert "task.yaml:2: repo: it has uncommitted changes: stock.py" in told


def test_a_bare_repository_cannot_be_changed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    repository(tmp_path / "stock")
    git(tmp_path, "clone", "--bare", "stock", "bare")
    Path("task.yaml").write_text(TASK)
    told = refused(capsys, "deliberate", "task.yaml", "--repo", "bare", "--apply")
    assert "--apply: a bare repository has no files to change" in told


def test_a_folder_that_cannot_be_made_is_named_before_anybody_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("task.yaml").write_text("description: x\n")
    told = refused(capsys, "deliberate", "task.yaml", "--out", "task.yaml/out", "--no-ray")
    assert "--out: cannot be written: Not a directory" in told
    assert not Path("data").exists()


def test_a_task_on_standard_input_is_refused_by_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"description: x\nzzz: 1\n")))
    assert "standard input:2: zzz: is not a field" in refused(capsys, "deliberate", "-")


def test_a_wrong_setting_is_named_as_the_environment_names_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("task.yaml").write_text("description: x\n")
    monkeypatch.setenv("FLEET_WORKER__CONCURRENCY", "many")
    assert "FLEET_WORKER__CONCURRENCY" in refused(capsys, "deliberate", "task.yaml")
    assert "FLEET_WORKER__CONCURRENCY" in refused(capsys, "doctor")


@pytest.mark.parametrize("folder", ["task.yaml", "task.yaml/data"])
def test_a_data_folder_that_cannot_be_made_is_named(
    folder: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("task.yaml").write_text("description: x\n")
    monkeypatch.setenv("FLEET_DATA_DIR", folder)
    told = refused(capsys, "list")
    assert f"FLEET_DATA_DIR: the record cannot be kept there: Not a directory (given: '{Path.cwd()}" in told
    assert main(["doctor"]) == 4
    told = " ".join(capsys.readouterr().out.split())
    assert told.count("Give a folder that you may write to") == 3


def test_formats_of_show_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert "exclude each other" in refused(capsys, "show", "d1", "--json", "--patch")


def test_what_a_file_brings_is_printed_safely(capsys: pytest.CaptureFixture[str]) -> None:
    Path("task.yaml").write_text('description: x\n"\\e[2J": 1\n')
    told = refused(capsys, "deliberate", "task.yaml")
    assert "\x1b" not in told
    assert "\\x1b[2J: is not a field" in told
