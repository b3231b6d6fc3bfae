import ast

import pytest

from swe_ai_fleet.ranking.claims import assertions_in, assertions_of, examples_in
from swe_ai_fleet.ranking.inputs import literals, mutated, synthesised
from swe_ai_fleet.ranking.pool import pool_inputs


def test_asserts_are_read_as_inputs_and_expected_outputs() -> None:
    found = assertions_in("f([1, 2]) == 3\nassert not f([])\nassert 4 == f(x=5)\nassert g(1) == 2", "f")
    assert [(a.arguments, a.expected) for a in found] == [("[1, 2]", "3"), ("[]", "False"), ("x=5", "4")]


def test_what_compares_otherwise_still_gives_an_input() -> None:
    assert [(a.arguments, a.expected) for a in assertions_in("abs(f(2) - 1.5) < 1e-6", "f")] == [("2", None)]


@pytest.mark.parametrize(
    "text",
    [
        "f(open('/etc/passwd')) == 1",
        "f(__import__('os')) == 1",
        "f(x.y) == 1",
        "f(*a) == 1",
        "f(lambda: 1) == 2",
    ],
)
def test_arguments_that_reach_for_names_are_no_inputs(text: str) -> None:
    assert all(assertion.arguments is None for assertion in assertions_in(text, "f"))


@pytest.mark.parametrize("text", ["", "f(", "f" + "(" * 10_000, "\x00", "f(1) == " + "9" * 70_000])
def test_broken_tests_say_nothing(text: str) -> None:
    assert assertions_in(text, "f") == []


def test_a_test_module_and_the_examples_of_a_docstring_are_read_too() -> None:
    module = "def test_f():\n    assert f(1) == 2\n\ndef test_g():\n    assert f(2) == 3\n"
    assert [a.arguments for a in assertions_of(module, "f")] == ["1", "2"]
    prompt = 'def f(x):\n    """Next.\n    >>> f(1)\n    2\n    >>> f(3)\n    >>> f(4)\n    5\n    """\n'
    assert [(a.arguments, a.expected) for a in examples_in(prompt, "f")] == [("1", "2"), ("4", "5")]


def test_mutants_keep_the_types_and_are_new() -> None:
    pool = ["[1, 2, 3], 'ab', 2.5", "[], 'xyz', -1.0"]
    made = mutated(pool, count=40, seed=1)
    assert len(made) == 40
    assert not set(made) & set(pool)
    for text in made:
        numbers, word, ratio = literals(text)
        assert isinstance(numbers, list)
        assert isinstance(word, str)
        assert isinstance(ratio, float)
    assert made == mutated(reversed(pool), count=40, seed=1)
    assert made != mutated(pool, count=40, seed=2)


@pytest.mark.parametrize(
    "pool", [[], ["x"], ["{1, 2}, {(1, 2): [3]}"], ["None, True"], ["()"], ["1e999"], [""]]
)
def test_odd_pools_never_break_mutation(pool: list[str]) -> None:
    for text in mutated(pool, count=20, seed=3):
        ast.literal_eval(f"({text},)")


def test_inputs_are_made_from_annotations() -> None:
    source = "def f(a: int, b: List[str]) -> int:\n    pass\n"
    for text in synthesised(source, "f", count=20, seed=1):
        number, words = literals(text)
        assert isinstance(number, int)
        assert all(isinstance(word, str) for word in words)  # type: ignore[attr-defined]  # a list by the check above
    assert synthesised("def f(", "f", count=5, seed=1) == []
    assert synthesised(source, "g", count=5, seed=1) == []
    assert len(synthesised("def f(x):\n    pass\n", "f", count=30, seed=1)) == 30


def test_the_pool_of_some_testers_is_a_part_of_the_pool_of_all() -> None:
    tests = [(f"qa-{i}", assertions_in(f"f({i % 3}) == 1\nassert f('{i}') == 2", "f")) for i in range(6)]
    pool = pool_inputs(tests, source="def f(x):\n    pass\n", entry_point="f", seed=5)
    kinds = {kind for one in pool for kind in one.sources}
    assert kinds == {"proposed", "mutated", "synthesised"}
    often = next(one for one in pool if one.arguments == "0")
    assert often.weight() > often.weight({"qa-0"}) == 1.0
    assert often.weight({"qa-1"}) == 0.0
    few = pool_inputs(tests[:2], source="def f(x):\n    pass\n", entry_point="f", seed=5)
    alive = {one.arguments for one in pool if one.weight({"qa-0", "qa-1"}) > 0}
    assert {one.arguments for one in few} == alive
