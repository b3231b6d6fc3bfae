"""Parts of the harness that need no sandbox."""

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from swe_ai_fleet.repair.inside.behave import canonical
from swe_ai_fleet.repair.inside.children import Report, arm, in_child
from swe_ai_fleet.repair.inside.edited import by_file, written
from swe_ai_fleet.repair.inside.inputs import Input
from swe_ai_fleet.repair.inside.mutants import Domain, mutate, pool_of
from swe_ai_fleet.repair.inside.swap import Functions, Module, Unswappable, shape, swaps_of

TEXT = """\
def plain(x):
    return x + 1


class Box:
    class Lid:
        def open(self, x):
            return super().__repr__() and x + 1

    def each(self, xs):
        return [self.Lid().open(x) for x in xs]


def maker(y):
    def inner(x):
        return x + y

    return inner


add_two = maker(2)
"""


@pytest.fixture
def loaded(tmp_path: Path) -> tuple[Module, Functions, dict[str, Any]]:
    path = tmp_path / "m.py"
    names: dict[str, Any] = {"__name__": "m"}
    exec(compile(TEXT, str(path), "exec"), names)
    return Module(str(path), TEXT), Functions(f"{tmp_path}/"), names


def _swap(module: Module, functions: Functions, old: str, new: str) -> None:
    start = TEXT.index(old)
    edits = [(start, start + len(old), new)]
    unit = module.unit_around(edits)
    for function, code in swaps_of(functions, module.path, unit, module.compile_unit(unit, edits)):
        function.__code__ = code


@pytest.mark.parametrize(
    ("old", "new", "call", "expected"),
    [
        ("x + 1", "x * 10", lambda names: names["plain"](3), 30),
        ("and x + 1", "and x * 10", lambda names: names["Box"]().each([3]), [30]),
        ("x + y", "x - y", lambda names: names["add_two"](3), 1),
        ("x + y", "x - y", lambda names: names["maker"](1)(3), 2),
    ],
)
def test_an_edited_body_is_what_runs_from_then_on(
    loaded: tuple[Module, Functions, dict[str, Any]],
    old: str,
    new: str,
    call: Callable[[Any], Any],
    expected: object,
) -> None:
    module, functions, names = loaded
    _swap(module, functions, old, new)
    assert call(names) == expected


@pytest.mark.parametrize(
    ("old", "new"), [("add_two = maker(2)", "add_two = maker(3)"), ("plain(x)", "plain(x=1)"), ("x + y", "x")]
)
def test_what_the_living_module_would_not_notice_needs_a_new_import(
    loaded: tuple[Module, Functions, dict[str, Any]], old: str, new: str
) -> None:
    module, functions, _ = loaded
    with pytest.raises(Unswappable):
        _swap(module, functions, old, new)


def test_code_of_the_same_shape_does_the_same_wherever_it_stands() -> None:
    one, same, other = (compile(text, "m.py", "eval") for text in ("x + 1", "(x  +\n 1)", "x + 2"))
    assert shape(one) == shape(same) != shape(other)


def _ending(work: Callable[[Report], None], wall_s: float = 5.0) -> tuple[str, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []
    return in_child(work, wall_s=wall_s, receive=told.append), told


def _spin(_: Report) -> None:
    arm(0.05)
    while True:
        pass


def _leave(report: Report) -> None:
    report({"at": 1})
    raise SystemExit


def test_a_child_ends_in_one_of_three_ways() -> None:
    assert _ending(lambda report: report({"at": 1})) == ("done", [{"at": 1}])
    assert _ending(_spin)[0] == "timeout"
    ending, told = _ending(_leave)
    assert (ending, told[0]) == ("died", {"at": 1})


def test_files_are_written_for_one_candidate_and_put_back(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_bytes(b"a = 1\r\n")
    with pytest.raises(ZeroDivisionError):
        _divide_while_written(tmp_path)
    assert (tmp_path / "m.py").read_bytes() == b"a = 1\r\n"


def _divide_while_written(root: Path) -> None:
    with written(root, by_file([["m.py", 4, 5, "22"]])):
        assert (root / "m.py").read_bytes() == b"a = 22\r\n"
        raise ZeroDivisionError


def test_values_of_equal_structure_have_equal_texts_and_cycles_end() -> None:
    one, other = SimpleNamespace(value=1), SimpleNamespace(value=1)
    one.next, other.next = one, other
    assert canonical([one, {1: {2, 3}}]) == canonical([other, {1: {3, 2}}])
    assert canonical([1]) != canonical([True])
    assert canonical([[], []]) != canonical([[[]]])


def test_mutants_stay_inside_the_domain_that_the_tests_span() -> None:
    inputs = [Input([list(range(n, n + 6)), n], {}, from_passing=True) for n in range(1, 5)]
    domain, pool, chance = Domain(inputs), pool_of(inputs), random.Random(1)
    mutants = [m for turn in range(200) for m in mutate(inputs[turn % 4], pool, chance) if domain.fits(m)]
    assert len({repr(mutant.positional) for mutant in mutants}) > 50
    for mutant in mutants:
        items, number = mutant.positional
        assert items == sorted(set(items))
        assert number > 0
    assert [one.positional for one in inputs] == [[list(range(n, n + 6)), n] for n in range(1, 5)]
