"""Conditions that are watched, and words that are taken for each other."""

import pytest

from swe_ai_fleet.repair.candidates import Candidate
from swe_ai_fleet.repair.clauses import watched
from swe_ai_fleet.repair.edits.opposites import are_opposites
from swe_ai_fleet.repair.source import Edit, Source, apply_edits


@pytest.mark.parametrize(
    ("text", "old", "new", "expected"),
    [
        ("if a and b.c:\n    d()\n", ".c", ".e", "if a and __fleet_watch__(b.e):\n    d()\n"),
        ("x = [y for y in z if y > 0]\n", ">", ">=", "x = [y for y in z if __fleet_watch__(y >= 0)]\n"),
        ("while a:\n    b()\n", "a", "not a", "while __fleet_watch__(not a):\n    b()\n"),
    ],
)
def test_the_innermost_clause_around_an_edit_is_watched(text: str, old: str, new: str, expected: str) -> None:
    candidate = _candidate(text, old, new)
    watching = watched(candidate, {"m.py": Source("m.py", text)})
    assert watching is not None
    assert apply_edits(text, list(watching.edits)) == expected


@pytest.mark.parametrize(
    ("text", "old", "new"), [("a = b\n", "b", "c"), ("if a and b:\n    c()\n", "a and ", "")]
)
def test_what_is_no_single_clause_is_not_watched(text: str, old: str, new: str) -> None:
    assert watched(_candidate(text, old, new), {"m.py": Source("m.py", text)}) is None


def _candidate(text: str, old: str, new: str) -> Candidate:
    start = text.index(old)
    edit = Edit("m.py", start, start + len(old), new)
    return Candidate(edits=(edit,), families=("x",), suspects=(), cost=1.0)


def test_opposites_are_told_by_the_one_word_in_which_they_differ() -> None:
    assert are_opposites("incoming_nodes", "outgoing_nodes")
    assert are_opposites("leftEdge", "rightEdge")
    assert are_opposites("rows", "cols")
    assert not are_opposites("left_edge", "right_corner")
    assert not are_opposites("left", "left")
    assert not are_opposites("name", "names")
