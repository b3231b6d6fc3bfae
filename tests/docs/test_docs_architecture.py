"""The page on the architecture shows the layers that import-linter enforces, and the README files that are there."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]


def enforced() -> list[set[str]]:
    """The layers that exist, top down."""
    [layers] = [contract["layers"] for contract in CONTRACTS if contract["type"] == "layers"]
    package = ROOT / "src" / "swe_ai_fleet"
    named = [set(re.findall(r"\w+", layer)) for layer in layers]
    existing = [
        {n for n in names if (package / n).is_dir() or (package / f"{n}.py").exists()} for names in named
    ]
    return [names for names in existing if names]


def test_the_table_shows_the_layers_in_their_order() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    table = page[page.index("| layer |") : page.index("`ray` is imported only")]
    first_cells = re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", cell)) for cell in first_cells] == enforced()


def test_the_five_files_of_the_readme_are_there() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme[readme.index("## The way of a task in five files") : readme.index("## Limits")]
    files = re.findall(r"^\| \[.*?\]\((\S+)\)", section, re.MULTILINE)
    assert len(files) == 5
    assert [name for name in files if not (ROOT / name).is_file()] == []
