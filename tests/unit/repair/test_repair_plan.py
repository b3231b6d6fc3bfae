"""Which commands a harness can hold."""

import pytest

from swe_ai_fleet.repair.plan import plan_of


def test_pytest_and_unittest_are_held_with_their_interpreter_and_environment() -> None:
    plan = plan_of("PYTHONPATH=src python3 -X dev -m pytest -q tests -k 'a or b'")
    assert plan is not None
    assert (plan.framework, plan.with_cwd) == ("pytest", True)
    assert plan.python == ("python3", "-X", "dev")
    assert plan.arguments == ("-q", "tests", "-k", "a or b")
    assert plan.env == {"PYTHONPATH": "src"}
    plan = plan_of("python -m unittest discover -s tests")
    assert plan is not None
    assert (plan.framework, plan.arguments) == ("unittest", ("discover", "-s", "tests"))


def test_an_installed_pytest_does_not_see_the_working_folder() -> None:
    plan = plan_of("pytest tests/unit")
    assert plan is not None
    assert (plan.python, plan.with_cwd) == (("python",), False)


@pytest.mark.parametrize(
    "command",
    [
        "make test",
        "python check.py",
        "pytest | tail",
        "cd a && pytest",
        "pytest $ARGS",
        "pytest 'a",
        "python -m tox",
        "",
    ],
)
def test_other_commands_stay_commands(command: str) -> None:
    assert plan_of(command) is None
