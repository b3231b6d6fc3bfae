"""Checks that agents propose: what they show of answers, and that nothing they do reaches any other run."""

from pathlib import Path

import pytest
from sandboxes import make_repository, reference, strongest

from swe_ai_fleet.domain.check import CheckStatus, Trial
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Budget, Check, RepoRef, Task
from swe_ai_fleet.sandbox.check_runner import SandboxCheckRunner
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces

pytestmark = pytest.mark.sandbox

SOURCE = "def reorder(stock, minimum):\n    return max(0, minimum - stock)\n"
OLD_TEST = "from inventory import reorder\n\ndef test_above(): assert reorder(5, 3) == 0\n"
PYTEST = "PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest"
TASK = Task(
    description="reorder() orders one unit too few.",
    checks=(Check(name="tests", command=f"{PYTEST} tests/test_inventory.py"),),
    protected_paths=("tests/**",),
    budget=Budget(seconds=200.0),
)
HONEST = """\
tests/test_reorder.py
```python
from inventory import reorder

def test_equal(): assert reorder(3, 3) == 1
def test_above(): assert reorder(5, 3) == 0
```
"""
EQUAL, ABOVE = "tests/test_reorder.py::test_equal", "tests/test_reorder.py::test_above"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> RepoRef:
    files = {"inventory.py": SOURCE, "tests/test_inventory.py": OLD_TEST}
    return reference(make_repository(tmp_path_factory.mktemp("repository") / "inventory", files))


@pytest.fixture
def runner(tmp_path: Path) -> SandboxCheckRunner:
    return SandboxCheckRunner(sandbox=strongest(), workspaces=GitWorkspaces(tmp_path / "cache"))


def checks(content: str) -> Proposal:
    return Proposal(
        proposal_id="tester-1.0",
        agent_id="tester-1",
        role="QA",
        model="m",
        round=0,
        kind="checks",
        content=content,
    )


def answer(body: str) -> Proposal:
    old = SOURCE.splitlines()[1]
    content = f"inventory.py\n<<<<<<< SEARCH\n{old}\n=======\n{body}\n>>>>>>> REPLACE\n"
    return Proposal(proposal_id="dev-1.0", agent_id="dev-1", role="DEV", model="m", round=0, content=content)


RIGHT = answer("    return 0 if stock > minimum else minimum - stock + 1")
WRONG = answer("    return max(0, minimum - stock) + 0")


async def tried(runner: SandboxCheckRunner, repo: RepoRef, content: str) -> tuple[Trial, Trial, Trial]:
    """On the unchanged commit, on the right answer, on the wrong one."""
    base, right, wrong = [
        await runner.try_checks(TASK, repo, checks(content), one) for one in (None, RIGHT, WRONG)
    ]
    return base, right, wrong


async def test_a_reproduction_fails_before_and_passes_on_the_right_answer_alone(
    runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    base, right, wrong = await tried(runner, repo, HONEST)

    assert (base.on, base.cases) == ("base", {ABOVE: "passed", EQUAL: "failed"})
    assert (right.on, right.status, right.cases) == ("dev-1.0", "passed", {ABOVE: "passed", EQUAL: "passed"})
    assert wrong.cases == {ABOVE: "passed", EQUAL: "failed"}


async def test_a_nameless_block_and_an_existing_test_file_are_taken_too(
    runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    nameless = (
        "Here:\n```python\nfrom inventory import reorder\ndef test_equal(): assert reorder(3, 3) == 1\n```\n"
    )
    existing = HONEST.replace("test_reorder", "test_inventory")

    assert (await runner.try_checks(TASK, repo, checks(nameless), RIGHT)).cases == {
        "test_proposed.py::test_equal": "passed"
    }
    assert len((await runner.try_checks(TASK, repo, checks(existing), RIGHT)).cases) == 2


async def test_a_case_that_is_not_the_same_twice_on_the_base_is_skipped(
    runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    unsteady = "test_luck.py\n```python\nimport os\ndef test_luck(): assert os.urandom(8) < b'\\x7f'\n```\n"
    seen = [(await runner.try_checks(TASK, repo, checks(unsteady), None)).cases for _ in range(6)]
    assert {"test_luck.py::test_luck": "skipped"} in seen


@pytest.mark.parametrize(
    ("content", "note"),
    [
        ("I have no idea.", "there is no edit in it"),
        ("inventory.py\n```\ndef reorder(stock, minimum): return 1\n```\n", "there is no test file in it"),
        ("conftest.py\n```\nimport os\n```\n", "there is no test file in it"),
        ("../test_out.py\n```\ndef test_a(): pass\n```\n", "must stay inside"),
        (f"test_big.py\n```\n# {'x' * 300_000}\ndef test_a(): pass\n```\n", "at most"),
        (
            "test_many.py\n```python\nimport pytest\n"
            "@pytest.mark.parametrize('n', range(300))\ndef test_n(n): assert n < 0\n```\n",
            "more than 200 cases",
        ),
        ("test_exit.py\n```python\nimport os\nos._exit(0)\n```\n", "ended before it had finished"),
        ("test_quits.py\n```python\nimport sys\ndef test_a(): pass\nsys.exit(0)\n```\n", ""),
        (
            "test_hangs.py\n```python\ndef test_a():\n    while True: pass\n```\n",
            "ended",
        ),
        (
            "test_forges.py\n```python\nimport _pytest.python\n"
            "_pytest.python.Function.runtest = lambda self: None\ndef test_a(): assert False\n```\n",
            "the test runner was tampered with",
        ),
    ],
    ids=["prose", "source", "conftest", "outside", "huge", "many", "exits", "quits", "hangs", "forges"],
)
async def test_checks_that_cheat_or_cannot_run_say_nothing(
    content: str, note: str, runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    trial = await runner.try_checks(TASK, repo, checks(content), RIGHT)
    assert "passed" not in trial.cases.values()
    assert note in trial.note


async def test_source_files_in_proposed_checks_do_not_replace_the_answers(
    runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    sly = (
        HONEST
        + "\ninventory.py\n```\ndef reorder(stock, minimum): return 1 if stock == minimum else 0\n```\n"
    )
    base, right, wrong = await tried(runner, repo, sly)
    assert (base.cases[EQUAL], right.cases[EQUAL], wrong.cases[EQUAL]) == ("failed", "passed", "failed")


async def test_a_test_that_vandalises_and_looks_around_changes_no_other_run(
    runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    vandal = (
        "test_vandal.py\n```python\n"
        "import os, pathlib\n"
        "def test_a():\n"
        "    pathlib.Path('inventory.py').write_text('def reorder(stock, minimum): return 1')\n"
        "    others = [p for p in pathlib.Path('..').resolve().glob('*/inventory.py')\n"
        "              if p.resolve() != pathlib.Path('inventory.py').resolve()]\n"
        "    assert others, 'no other answer is to be seen'\n"
        "```\n"
    )
    before = await runner.try_checks(TASK, repo, checks(HONEST), WRONG)
    seen = await runner.try_checks(TASK, repo, checks(vandal), RIGHT)
    after = await runner.try_checks(TASK, repo, checks(HONEST), WRONG)

    assert seen.cases == {"test_vandal.py::test_a": "failed"}
    assert before == after


async def test_an_answer_that_is_in_the_way_or_equals_anything_passes_nothing(
    runner: SandboxCheckRunner, repo: RepoRef
) -> None:
    in_the_way = answer("    return 1")
    in_the_way = in_the_way.model_copy(
        update={"content": "checks\n```\nx\n```\nchecks is a file now: checks.txt\n```\nx\n```\n"}
    )
    liar = answer("    class One:\n        def __eq__(self, other): return True\n    return One()")
    apart = HONEST.replace("tests/test_reorder.py", "checks.txt/test_reorder.py")

    for proposed, one in ((HONEST, liar), (apart, in_the_way)):
        trial = await runner.try_checks(TASK, repo, checks(proposed), one)
        assert trial.status is CheckStatus.ERROR
        assert not trial.cases
        assert trial.note
