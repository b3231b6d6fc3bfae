"""A patch reaches the work tree it was made for, also below the top of a repository."""

import subprocess
from pathlib import Path

import pytest
from told import PATCH

from swe_ai_fleet.cli.applying import apply_line, apply_patch
from swe_ai_fleet.errors import InputError

BEFORE = "def free(day, last):\n    return day >= last\n"


def repository(folder: Path, inner: str) -> Path:
    below = folder / inner
    below.mkdir(parents=True, exist_ok=True)
    (below / "stock.py").write_text(BEFORE)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return below


@pytest.mark.parametrize("inner", ["", "sub folder/deeper"])
def test_a_patch_is_applied(tmp_path: Path, inner: str) -> None:
    folder = repository(tmp_path / "repo", inner)
    apply_patch(PATCH, folder, printed_by="")
    assert "day > last" in (folder / "stock.py").read_text()


@pytest.mark.parametrize("inner", ["", "sub folder/deeper"])
def test_the_printed_line_applies_it(tmp_path: Path, inner: str) -> None:
    folder = repository(tmp_path / "repo", inner)
    (tmp_path / "winner.patch").write_text(PATCH)
    subprocess.run(["sh", "-c", apply_line(folder, tmp_path / "winner.patch")], check=True)
    assert "day > last" in (folder / "stock.py").read_text()


def test_the_printed_line_is_short_where_the_user_is_near(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = repository(tmp_path / "out" / "stock", "")
    line = apply_line(folder, tmp_path / "out" / "winner.patch")
    assert line == "git -C out/stock apply ../winner.patch"
    (tmp_path / "out" / "winner.patch").write_text(PATCH)
    subprocess.run(["sh", "-c", line], check=True)
    assert "day > last" in (folder / "stock.py").read_text()


def test_the_end_of_a_pipe_takes_the_patch(tmp_path: Path) -> None:
    folder = repository(tmp_path / "repo", "sub")
    subprocess.run(["sh", "-c", apply_line(folder, None)], input=PATCH.encode(), check=True)
    assert "day > last" in (folder / "stock.py").read_text()


def test_a_patch_that_does_not_fit_changes_nothing_and_says_so(tmp_path: Path) -> None:
    folder = repository(tmp_path, "")
    (folder / "stock.py").write_text("something else\n")
    with pytest.raises(InputError, match="--apply: git apply says: error: patch failed") as refused:
        apply_patch(PATCH, folder, printed_by="swe-fleet show d1 --patch")
    assert "`swe-fleet show d1 --patch` prints the patch" in str(refused.value)
    assert (folder / "stock.py").read_text() == "something else\n"
