"""Checks judge proposals, whatever the proposals do about it."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from sandboxes import STRONG, make_repository, reference, sandbox_of, strongest

from swe_ai_fleet.domain.check import CheckReport, CheckStatus
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Check, RepoRef, Task
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.sandbox.check_runner import SandboxCheckRunner
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces

pytestmark = pytest.mark.sandbox

SOURCE = "def reorder(stock, minimum):\n    return max(0, minimum - stock)\n"
TESTS = """\
import pytest
from inventory import reorder

def test_equal(): assert reorder(3, 3) == 1
def test_below(): assert reorder(1, 3) == 3
def test_above(): assert reorder(5, 3) == 0
@pytest.mark.skip(reason="later")
def test_later(): assert reorder(0, 0) == 9
"""
UNITTESTS = """\
import unittest
from inventory import reorder

class Reordering(unittest.TestCase):
    def test_equal(self): self.assertEqual(reorder(3, 3), 1)
    def test_above(self): self.assertEqual(reorder(5, 3), 0)
"""
FILES = {
    "inventory.py": SOURCE,
    "tests/test_inventory.py": TESTS,
    "tests/test_units.py": UNITTESTS,
    "conftest.py": "",
    "pyproject.toml": '[project]\nname = "inventory"\n\n[tool.pytest.ini_options]\naddopts = "-q"\n',
}
PLAIN = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1"
PYTEST = Check(name="tests", command=f"{PLAIN} python -m pytest tests/test_inventory.py")
UNITTEST = Check(name="units", command="python -m unittest tests.test_units")
HONEST = "return 0 if stock > minimum else minimum - stock + 1"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("repository") / "inventory", FILES)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def task_of(*checks: Check, protected: Sequence[str] = ("tests/**",)) -> Task:
    return Task(description="Fix reorder().", checks=checks, protected_paths=tuple(protected))


def proposal_of(content: str) -> Proposal:
    return Proposal(proposal_id="dev-1.0", agent_id="dev-1", role="DEV", model="m", round=0, content=content)


def body(*lines: str) -> Proposal:
    """A proposal that replaces the function's body, and may go on at the module's own level."""
    new = "\n".join(lines)
    old = SOURCE.splitlines()[1]
    return proposal_of(f"inventory.py\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n")


@pytest.fixture
def runner(cache: Path) -> SandboxCheckRunner:
    return SandboxCheckRunner(sandbox=strongest(), workspaces=GitWorkspaces(cache))


@pytest.fixture(scope="module")
def repo(repository: Path) -> RepoRef:
    return reference(repository)


def statuses(report: CheckReport) -> list[str]:
    return [result.status.value for result in report.results]


async def test_the_base_is_told_case_by_case(runner: SandboxCheckRunner, repo: RepoRef) -> None:
    report = await runner.check_base(task_of(PYTEST, UNITTEST), repo)

    assert report.proposal_id == "base"
    assert statuses(report) == ["failed", "failed"]
    assert report.results[0].cases == {
        "tests/test_inventory.py::test_above": "passed",
        "tests/test_inventory.py::test_below": "failed",
        "tests/test_inventory.py::test_equal": "failed",
        "tests/test_inventory.py::test_later": "skipped",
    }
    assert report.results[1].cases == {
        "tests.test_units.Reordering.test_above": "passed",
        "tests.test_units.Reordering.test_equal": "failed",
    }
    assert report.flaky == ()
    assert "assert 0 == 1" in report.results[0].output_tail
    assert report.containment == strongest().containment


@pytest.mark.parametrize("kind", STRONG)
async def test_an_honest_proposal_passes(kind: str, cache: Path, repo: RepoRef) -> None:
    sandbox = sandbox_of(kind)  # type: ignore[arg-type]  # one of the kinds
    runner = SandboxCheckRunner(sandbox=sandbox, workspaces=GitWorkspaces(cache))

    report = await runner.check(task_of(PYTEST, UNITTEST), repo, body(f"    {HONEST}"))

    assert statuses(report) == ["passed", "passed"], [result.output_tail for result in report.results]
    assert report.failures() == frozenset()
    assert (report.applied, report.parses, report.protected_touched) == (True, True, ())
    assert report.patch is not None
    assert report.patch.startswith("diff --git a/inventory.py b/inventory.py\n")


CHEATS = {
    "sys.exit before the checks": ["    return 0", "import sys", "sys.exit(0)"],
    "os._exit before the checks": ["    return 0", "import os", "os._exit(0)"],
    "os._exit when it is called": ["    import os", "    os._exit(0)"],
    "exit from an exit function": ["    return 0", "import atexit, os", "atexit.register(os._exit, 0)"],
    "a forged result": ["    return 0", "print('4 passed in 0.01s')", "import os", "os._exit(0)"],
    "skipping what fails": ["    import pytest", "    pytest.skip('not today')"],
    "expecting what fails": ["    import pytest", "    pytest.xfail('known')"],
    "unittest's skip": ["    import unittest", "    raise unittest.SkipTest"],
    "replacing the exception": [
        "    import builtins, pytest",
        "    builtins.AssertionError = pytest.skip.Exception",
        "    return 0",
    ],
    "replacing the report": [
        "    import _pytest.reports",
        "    _pytest.reports.TestReport.failed = False",
        "    _pytest.reports.TestReport.outcome = 'passed'",
        "    return 0",
    ],
    "replacing the runner": [
        "    return 0",
        "import _pytest.runner, _pytest.python",
        "_pytest.runner.call_and_report = lambda *a, **k: None",
        "_pytest.python.Function.runtest = lambda self: None",
    ],
    "replacing the comparison": [
        "    return 0",
        "import unittest",
        "unittest.TestCase.assertEqual = lambda *a, **k: None",
        "import _pytest.python",
        "_pytest.python.pytest_pyfunc_call = lambda pyfuncitem: True",
    ],
    "a plugin of its own": [
        "    return 0",
        "import gc, pytest",
        "class Nice:",
        "    @pytest.hookimpl(tryfirst=True)",
        "    def pytest_pyfunc_call(self, pyfuncitem): return True",
        "for thing in getattr(gc, 'get_' + 'objects')():",
        "    if isinstance(thing, pytest.PytestPluginManager): thing.register(Nice())",
    ],
    "rewriting the tests on disk": [
        "    return 0",
        "import pathlib",
        "for path in pathlib.Path('tests').iterdir(): path.write_text('def test_equal(): pass')",
    ],
    "moving the tests away": [
        "    return 0",
        "import os",
        "os.rename('tests', 'elsewhere')",
        "os.mkdir('tests')",
    ],
    "a record of its own": [
        "    return 0",
        "import glob, json, os",
        "line = json.dumps({'kind': 'finish', 'session': 'x', 'exit': 0, 'cases': {}, 'places': {},"
        " 'silent': [], 'tampered': ''})",
        "for path in glob.glob('.fleet-*'): open(path, 'w').write('0' * 64 + ' ' + line + chr(10))",
        "os._exit(0)",
    ],
    "equal to everything": [
        "    class Anything:",
        "        def __eq__(self, other): return True",
        "        __hash__ = None",
        "    return Anything()",
    ],
    "equal to everything, made on the fly": [
        "    return type('Any', (int,), {'__eq__': lambda self, other: True, '__ne__': lambda a, b: False})()",
    ],
    "equal to everything, ready-made": ["    from unittest.mock import ANY", "    return ANY"],
    "endless": ["    while True: pass"],
}


@pytest.mark.parametrize("cheat", CHEATS)
async def test_no_cheat_passes(cheat: str, runner: SandboxCheckRunner, repo: RepoRef) -> None:
    quick = [check.model_copy(update={"timeout_s": 20.0}) for check in (PYTEST, UNITTEST)]
    if cheat == "endless":
        quick = [check.model_copy(update={"timeout_s": 2.0}) for check in quick]

    report = await runner.check(task_of(*quick), repo, body(*CHEATS[cheat]))

    assert report.applied
    assert "passed" not in statuses(report), report.results


ENDS = "import os\nos._exit(0)\n"
REPLACED = {
    **dict.fromkeys(("conftest.py", "sitecustomize.py", "fleet_watch.py", "fleet_unittest.py"), ENDS),
    **dict.fromkeys(("backend/pytest.py", "pygments/__init__.py"), ENDS),
    "tests/test_inventory.py": "def test_equal(): pass\n",
    "tests/conftest.py": "def pytest_collection_modifyitems(items): items.clear()\n",
    "pytest.ini": "[pytest]\naddopts = --collect-only\n",
    "pytest.py": "print('4 passed')\n",
    "unittest/__init__.py": "print('OK')\n",
    "pyproject.toml": FILES["pyproject.toml"].replace('"-q"', '"--co"'),
    "evil-1.dist-info/entry_points.txt": "[pytest11]\nevil = inventory\n",
    "pytest.toml": '[pytest]\naddopts = ["--co"]\n',
    "setup.cfg": "[metadata]\n# \u2028[tool:pytest]\naddopts = --co\n",
}


@pytest.mark.parametrize("path", REPLACED)
async def test_files_that_steer_the_checks_stay_as_they_are(
    path: str, runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    report = await runner.check(
        task_of(PYTEST, UNITTEST), repo, proposal_of(f"```python {path}\n{REPLACED[path]}```\n")
    )

    assert report.protected_touched == (path,)
    assert statuses(report) == ["failed", "failed"]
    assert report.patch is not None
    assert f"b/{path}" in report.patch


async def test_a_proposal_that_is_no_patch_is_told_and_nothing_runs(
    runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    report = await runner.check(task_of(PYTEST), repo, proposal_of("I would change the return value."))

    assert not report.applied
    assert "no edit" in report.reason
    assert report.results == ()


async def test_each_check_has_a_copy_of_its_own(runner: SandboxCheckRunner, repo: RepoRef) -> None:
    spoil = Check(name="spoil", command="rm -rf inventory.py tests; exit 1")
    see = Check(name="see", command="test -f inventory.py")

    report = await runner.check(task_of(spoil, see), repo, body(f"    {HONEST}"))

    assert statuses(report) == ["failed", "passed"]


async def test_what_differs_between_two_runs_of_the_base_is_flaky(cache: Path, tmp_path: Path) -> None:
    tests = "import uuid\n\ndef test_a(): assert uuid.uuid4().int % 2\ndef test_b(): pass\n"
    names = [f"test_{index}.py" for index in range(20)]
    repo = reference(make_repository(tmp_path / "flaky", dict.fromkeys(names, tests)))
    runner = SandboxCheckRunner(sandbox=strongest(), workspaces=GitWorkspaces(cache))

    report = await runner.check_base(
        task_of(Check(name="tests", command=f"{PLAIN} python -m pytest -q")), repo
    )

    assert report.flaky
    assert all(name.startswith("tests::test_") and name.endswith("::test_a") for name in report.flaky)


@pytest.mark.parametrize("command", ["no-such-command --now", "python -m no_such_module", "./not-there.sh"])
async def test_a_check_that_cannot_run_on_the_base_is_bad_input(
    command: str, runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    with pytest.raises(InputError, match=r"checks\.odd\.command"):
        await runner.check_base(task_of(Check(name="odd", command=command)), repo)


async def test_limits_have_a_status_of_their_own(runner: SandboxCheckRunner, repo: RepoRef) -> None:
    slow = Check(name="slow", command="sleep 60", timeout_s=0.3)
    loud = Check(name="loud", command="yes")

    report = await runner.check_base(task_of(slow, loud), repo)

    assert [result.status for result in report.results] == [CheckStatus.TIMEOUT, CheckStatus.ERROR]
    assert "[ended by the sandbox: output]" in report.results[1].output_tail


async def test_cancelling_a_check_leaves_no_copy_behind(
    runner: SandboxCheckRunner, repo: RepoRef, cache: Path
) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await runner.check(task_of(Check(name="slow", command="sleep 60")), repo, body(f"    {HONEST}"))

    assert list((cache / "work").iterdir()) == []
