"""Functions: the program in an answer, the plan of the matrix, and what proposed tests expect."""

import pytest

from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.ranking.observing import behaviour_of, claims_of, expected_outputs, plan_observation
from swe_ai_fleet.ranking.programs import checks_text, program_in, signature_in

SOURCE = "def f(x):\n    return x\n"
TASK = Task(
    description="Write `def f(x: int) -> int:` such that\n>>> f(1)\n2\n>>> f(2)\n3\n", entry_point="f"
)


@pytest.mark.parametrize(
    ("content", "program"),
    [
        (SOURCE, SOURCE),
        (f"Here it is:\n```python\n{SOURCE}```\nDone.", SOURCE),
        (f"```\n{SOURCE}```", SOURCE),
        (f"```python\n{SOURCE}", SOURCE),
        (f"First `x`:\n```python\nx = 1\n```\nthen\n```python\n{SOURCE}```", SOURCE),
        (f"```bash\npip install f\n```\n```py\n{SOURCE}```", SOURCE),
        ("```python\ng = 1\n```\n```python\nf = lambda x: g\n```", "f = lambda x: g\n"),
        ("f = 1 if\n", None),
        ("The function f returns x.", None),
        ("```python\ndef g(x): return x\n```", None),
        ("f" * 70_000, None),
    ],
)
def test_the_program_is_what_defines_the_function(content: str, program: str | None) -> None:
    assert program_in(content, "f") == program


def test_the_signature_is_found_in_the_words_of_the_task() -> None:
    assert (
        signature_in("Complete\n\n    def f(x: int, y) -> str:\n", "f")
        == "def f(x: int, y) -> str:\n    pass\n"
    )
    assert (
        signature_in("Write `def f(x: int = (1)) -> int:`.", "f") == "def f(x: int = (1)) -> int:\n    pass\n"
    )
    assert signature_in("Write f, undef f(x):", "f") == ""


@pytest.mark.timeout(10)
@pytest.mark.parametrize("text", [("def f(" + ")" * 20) * 4000, "def f(" * 16_000, "def f(" + "x, " * 30_000])
def test_a_signature_without_end_is_none(text: str) -> None:
    assert signature_in(text, "f") == ""


def test_the_plan_pools_the_inputs_of_all_testers_and_the_examples() -> None:
    tests = [
        ("tester-1", "```python\nassert f(5) == 6\nassert f(-1) == 0\n```"),
        ("tester-2", "assert f(5) == 7"),
    ]
    plan = plan_observation(TASK, tests, seed=7)
    assert {"5", "-1", "1", "2"} <= set(plan.inputs)
    assert len(plan.inputs) == len(set(plan.inputs))
    assert set(plan.expectations) >= {"6", "0", "7", "2", "3"}
    weights = plan.weights({"tester-1", "tester-2"})
    assert weights["5"] > weights["-1"] == weights["1"] == 1.0
    assert plan.weights({"tester-2"}).get("-1", 0.0) < 1.0
    assert plan_observation(TASK, tests, seed=7) == plan


def test_the_inputs_of_a_tester_stand_in_one_group_apart_from_those_of_others() -> None:
    tests = [("a", "assert f(5) == 6\nassert f(7) == 8"), ("b", "assert f(10 ** 9) == 1\nassert f(99) == 1")]
    plan = plan_observation(TASK, tests, seed=7)
    assert sorted(name for group in plan.groups for name in group) == sorted(plan.inputs)
    of = {name: number for number, group in enumerate(plan.groups) for name in group}
    assert len({of["5"], of["7"], of["99"], of["1"]}) == 3
    assert of["5"] == of["7"]
    assert of["1"] == of["2"] == 0
    many = [(f"tester-{n}", f"assert f({n + 100}) == 1") for n in range(32)]
    assert len(plan_observation(TASK, many, seed=7).groups) == 5


def test_hostile_checks_bring_neither_inputs_nor_claims() -> None:
    tests = [
        ("a", "import os\nos._exit(0)"),
        ("b", "assert f(open('/etc/passwd').read()) == 1"),
        ("c", "assert f(" + "[" * 5000),
        ("d", "assert f(__import__('os').getpid()) == 1\nassert True"),
        ("e", ""),
    ]
    plan = plan_observation(Task(description="Write f.", entry_point="f"), tests, seed=7)
    assert plan.inputs == ()
    assert plan.expectations == ()


def test_the_first_expectation_of_an_input_counts() -> None:
    plan = plan_observation(TASK, [("a", "assert f(1) == 2\nassert f(1) == 3\nassert f(2) == g(1)")], seed=7)
    (_, assertions), canonical = plan.tests[0], {"2": "2", "3": "3"}
    assert expected_outputs(assertions, canonical) == {"1": "2"}
    claims = claims_of("task", expected_outputs(plan.examples, canonical), is_given=True)
    assert [(claim.input_id, claim.output, claim.is_given) for claim in claims] == [
        ("1", "2", True),
        ("2", "3", True),
    ]


def test_none_is_an_abstention_unless_the_task_allows_it() -> None:
    outputs = {"1": "None", "2": "3", "9": "9"}
    assert behaviour_of(outputs, {"1", "2"}, text="Return the next.") == {"2": "3"}
    assert behaviour_of(outputs, {"1", "2"}, text="Return None if there is none.") == {"1": "None", "2": "3"}


def test_the_text_of_checks_is_their_fences_or_all_of_it() -> None:
    assert (
        checks_text("Sure!\n```python\nassert f(1) == 2\n```\nassert that I helped") == "assert f(1) == 2\n"
    )
    assert checks_text("assert f(1) == 2") == "assert f(1) == 2"
