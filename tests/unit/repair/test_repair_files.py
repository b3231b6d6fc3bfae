"""Which files may be edited, and how an edit is written down."""

import os
from pathlib import Path

import pytest
from sandboxes import git, make_repository

from swe_ai_fleet.repair.files import (
    editable_files,
    is_protected,
    is_valid,
    put_back,
    read_sources,
    unified_diff,
    written,
)
from swe_ai_fleet.repair.source import Edit, Source


@pytest.mark.parametrize(
    ("path", "glob", "expected"),
    [
        ("tests/a/b.py", "tests/**", True),
        ("tests", "tests/**", True),
        ("src/tests/a.py", "**/tests/**", True),
        ("a.py", "*.py", True),
        ("src/a.py", "*.py", False),
        ("src/a.py", "**/*.py", True),
        ("a.py", "**/*.py", True),
        ("src/b/a.py", "src/*.py", False),
    ],
)
def test_globs_protect_what_they_name(path: str, glob: str, expected: bool) -> None:
    assert is_protected(path, [glob]) is expected


def test_tests_protected_and_installed_files_are_not_editable(tmp_path: Path) -> None:
    for name in (
        "shop.py",
        "test_shop.py",
        "conftest.py",
        "core/rules.py",
        "tests/case.py",
        ".venv/lib/x.py",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    assert editable_files(tmp_path, protected=[]) == ["core/rules.py", "shop.py"]
    assert editable_files(tmp_path, protected=["core/**"]) == ["shop.py"]


@pytest.mark.parametrize("text", ["a = 1\nb = 2\nc = 3", "a = 1\r\nb = 2\r\n", "a = 'ä\x0c'\nb = 2\n"])
def test_a_diff_applies_and_changes_the_edited_line_alone(tmp_path: Path, text: str) -> None:
    repository = make_repository(tmp_path / "repo", {"m.py": text.encode()})
    sources = read_sources(repository, ["m.py"])
    start = text.index("b = 2")
    diff = unified_diff(sources, [Edit("m.py", start, start + 5, "b = 22")])
    (tmp_path / "fix.patch").write_bytes(diff.encode())
    git(repository, "apply", "--whitespace=nowarn", str(tmp_path / "fix.patch"))
    assert (repository / "m.py").read_bytes().decode() == text.replace("b = 2", "b = 22")
    changed = [line for line in diff.split("\n") if line[:1] in "+-" and line[:3] not in ("+++", "---")]
    assert len([line for line in changed if line]) == 2


def test_edited_files_are_put_back(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("a = 1\n")
    sources = read_sources(tmp_path, ["m.py"])
    with written(tmp_path, sources, [Edit("m.py", 4, 5, "2")]):
        assert (tmp_path / "m.py").read_text() == "a = 2\n"
    assert (tmp_path / "m.py").read_text() == "a = 1\n"
    assert is_valid(sources, [Edit("m.py", 4, 5, "2")])
    assert not is_valid(sources, [Edit("m.py", 4, 5, "(")])


def test_files_that_are_not_python_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_text("print 'x'\n")
    (tmp_path / "bytes.py").write_bytes(b"x = '\xff'\n")
    assert read_sources(tmp_path, ["old.py", "bytes.py", "missing.py"]) == {}


def test_what_untrusted_code_made_of_a_file_is_not_followed_when_it_is_put_back(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "repo"
    outside.write_text("untouched")
    (folder / "pkg").mkdir(parents=True)
    (folder / "linked.py").symlink_to(outside)
    os.mkfifo(folder / "pkg" / "pipe.py")
    names = ["linked.py", "pkg/pipe.py", "gone.py"]
    put_back(folder, {name: Source(name, "x = 1\n") for name in names})
    assert [(folder / name).read_text() for name in names] == ["x = 1\n"] * 3
    assert not (folder / "linked.py").is_symlink()
    (folder / "away").symlink_to(tmp_path)
    with pytest.raises(OSError, match="away"):
        put_back(folder, {"away/outside": Source("away/outside", "x = 1\n")})
    assert outside.read_text() == "untouched"
