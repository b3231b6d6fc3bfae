"""The record of a test run begins before any code of the repository, however the run is started."""

from pathlib import Path

import pytest
from sandboxes import make_repository, reference, strongest

from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Check, Task
from swe_ai_fleet.sandbox.check_runner import SandboxCheckRunner
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces

pytestmark = pytest.mark.sandbox

FILES = {
    "inventory.py": "def reorder(stock, minimum):\n    return max(0, minimum - stock)\n",
    "conftest.py": "import inventory\nimport pytest\n\npytest.Item.own = lambda self: None\n",
    "tests/test_inventory.py": "from inventory import reorder\n\ndef test_equal(): assert reorder(3, 3) == 1\n",
    "tests/test_units.py": "import unittest\n\nclass Units(unittest.TestCase):\n    def test_one(self): pass\n",
}
HONEST = "def reorder(stock, minimum):\n    return 1\n"
PLAIN = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"
MODULE = Check(name="module", command=f"{PLAIN} python -m pytest -q tests/test_inventory.py")
SCRIPT = Check(name="script", command=f"{PLAIN} pytest -q tests/test_inventory.py")
EARLY = {
    "forging with the key": """\
import hashlib, hmac, json, os
key, _, place = os.environ["FLEET_" + "VERDICT"].partition(":")
cases = {"tests/test_inventory.py::test_equal": "passed"}
finish = {"exit": 0, "cases": cases, "places": {}, "silent": [], "tampered": ""}
for facts in ({"kind": "start"}, {"kind": "finish", **finish}):
    line = json.dumps({"session": "x", "line": 0, **facts})
    seal = hmac.new(key.encode(), line.encode(), hashlib.sha256).hexdigest()
    with open(place, "a") as record:
        record.write(f"{seal} {line}\\n")
os._exit(0)
""",
    "replacing the runner": """\
import _pytest.python
_pytest.python.Function.runtest = lambda self: None
def reorder(stock, minimum): return 0
""",
}


async def judged(folder: Path, new: str, *checks: Check) -> CheckReport:
    repo = reference(make_repository(folder / "repository", FILES))
    runner = SandboxCheckRunner(sandbox=strongest(), workspaces=GitWorkspaces(folder / "cache"))
    proposal = Proposal(
        proposal_id="dev-1.0",
        agent_id="dev-1",
        role="DEV",
        model="m",
        round=0,
        content=f"```python inventory.py\n{new}```\n",
    )
    task = Task(description="Fix reorder().", checks=checks, protected_paths=("tests/**",))
    return await runner.check(task, repo, proposal)


@pytest.mark.parametrize("cheat", EARLY)
async def test_code_that_a_conftest_imports_comes_too_late(cheat: str, tmp_path: Path) -> None:
    report = await judged(tmp_path, EARLY[cheat], MODULE, SCRIPT)

    assert report.applied
    assert "passed" not in [result.status for result in report.results], report.results


async def test_a_conftest_may_add_to_the_test_runner(tmp_path: Path) -> None:
    report = await judged(tmp_path, HONEST, MODULE, SCRIPT)

    assert [result.status for result in report.results] == ["passed", "passed"], report.results


async def test_other_programs_may_start_the_test_runners(tmp_path: Path) -> None:
    command = f"{MODULE.command}; python -m unittest tests.test_units"
    check = Check(name="tests", command=f'python -c "import os; os.system({command!r})"')

    report = await judged(tmp_path, HONEST, check)

    assert [result.status for result in report.results] == ["passed"], report.results
    assert dict(report.results[0].cases) == {
        "tests/test_inventory.py::test_equal": "passed",
        "tests.test_units.Units.test_one": "passed",
    }
