"""The demo, as a newcomer meets it: nothing configured, an empty home, a folder of their own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import environment, swe_fleet

pytestmark = [
    pytest.mark.local,
    pytest.mark.nats,
    pytest.mark.sandbox,
    pytest.mark.slow,
    pytest.mark.timeout(300),
]


async def test_the_demo_ends_in_a_patch_and_the_line_that_applies_it(tmp_path: Path) -> None:
    here = tmp_path / "here"
    here.mkdir()
    ended = await swe_fleet("demo", "--no-ray", env=environment(tmp_path), cwd=here)
    assert ended.exit_code == 0, ended.stderr
    assert "6 agents (6 x offline:repair)" in ended.stderr
    told = ended.stdout
    for part in (
        "Decided after",
        "#  proposal",
        "P(correct)",
        "+++ b/stockroom/",
        "Record: ",
        "Show it again: ",
    ):
        assert part in told
    line = re.search(r"Apply it: (.+)", told)
    assert line is not None
    check_by_hand(here, line[1])


def check_by_hand(here: Path, line: str) -> None:
    """The printed line makes the example's failing tests pass."""
    (repository,) = (here / ".fleet" / "demo").glob("inventory-*/stockroom")
    pytest_again = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    assert subprocess.run(pytest_again, cwd=repository, capture_output=True, check=False).returncode == 1
    subprocess.run(["sh", "-c", line], cwd=here, check=True)
    assert subprocess.run(pytest_again, cwd=repository, capture_output=True, check=False).returncode == 0
    assert sorted(path.name for path in repository.parent.iterdir()) == [
        "report.html",
        "result.json",
        "stockroom",
        "task.yaml",
        "winner.patch",
    ]
