"""Text with a tree over it."""

import ast

import pytest

from swe_ai_fleet.repair.source import Edit, Source, apply_edits, header_lines


def _calls(source: Source) -> list[ast.Call]:
    return [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]


def test_spans_count_characters_whatever_the_alphabet() -> None:
    source = Source("m.py", "größe = 'ä' + länge(x)\n")
    assert [source.text_of(call) for call in _calls(source)] == ["länge(x)"]


def test_a_generator_that_is_the_only_argument_leaves_the_parentheses_to_its_call() -> None:
    source = Source("m.py", "any(x for x in y)\nany((x for x in y))\n")
    inner = [source.text_of(call.args[0]) for call in _calls(source)]
    assert inner == ["x for x in y", "(x for x in y)"]


def test_edits_are_applied_wherever_they_come_in_the_list() -> None:
    edits = [Edit("m.py", 0, 1, "A"), Edit("m.py", 4, 5, "CC"), Edit("m.py", 2, 2, "+")]
    assert apply_edits("a b c", edits) == "A +b CC"


@pytest.mark.parametrize(
    ("text", "indent"), [("x = 1\n", "    "), ("if x:\n  y\n", "  "), ("if x:\n\ty\n", "\t")]
)
def test_the_indentation_of_the_file_is_found(text: str, indent: str) -> None:
    assert Source("m.py", text).indent == indent


def test_the_header_of_a_compound_statement_stands_for_it() -> None:
    source = Source("m.py", "@d\ndef f(\n    a,\n):\n    return a\n")
    function, statement = (
        source.tree.body[0],
        next(s for s in source.statements() if isinstance(s, ast.Return)),
    )
    assert list(header_lines(function)) == [1, 2, 3, 4]
    assert list(header_lines(statement)) == [5]
    assert source.outermost_function_of(statement) is function
