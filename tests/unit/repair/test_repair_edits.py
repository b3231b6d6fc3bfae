"""Every family offers the repair that it is there for, and edits nothing but the text it names."""

import ast
import textwrap
from pathlib import Path

import pytest

from swe_ai_fleet.repair.candidates import single_edits
from swe_ai_fleet.repair.edits import FAMILIES
from swe_ai_fleet.repair.kinds import Kinds
from swe_ai_fleet.repair.localise import Suspect
from swe_ai_fleet.repair.source import Source, apply_edits

REPAIRS = [
    ("comparison", "if a < b:\n        return a", "if a <= b:\n        return a"),
    ("comparison", "return a is b", "return a is not b"),
    ("arithmetic", "return a + b", "return a - b"),
    ("arithmetic", "a += b\n    return a", "a -= b\n    return a"),
    ("logic", "return a and b", "return a or b"),
    ("negation", "if a:\n        return b", "if not a:\n        return b"),
    ("operand dropped", "return 1 + f(a)", "return f(a)"),
    ("operand dropped", "return a or b or c", "return a or c"),
    ("operands swapped", "return a - b", "return b - a"),
    ("grouping", "return a + b * c", "return (a + b) * c"),
    ("boundary", "while len(a) == 0:\n        b()", "while len(a) <= 1:\n        b()"),
    ("constant", "return a[1]", "return a[0]"),
    ("constant", "return True", "return False"),
    ("off by one", "return range(a, b)", "return range(a, b + 1)"),
    ("collection", "return []", "return [[]]"),
    ("variable", "a = b\n    return a", "a = b\n    return b"),
    ("attribute", "a.left = b\n    return a.right", "a.left = b\n    return a.left"),
    ("function", "return min(a, b)", "return max(a, b)"),
    ("expression", "a[b] = 1\n    return a[c]", "a[b] = 1\n    return a[b]"),
    ("variable for expression", "return f(a) + b", "return a + b"),
    ("arguments swapped", "return f(a, b)", "return f(b, a)"),
    ("argument dropped", "return f(a, b)", "return f(a)"),
    ("argument added", "return f(a)", "return f(a, b)"),
    ("argument added", "return sorted(a)", "return sorted(a, reverse=True)"),
    ("receiver", "return a.issubset(b)", "return b.issubset(a)"),
    ("keyword", "f(a, low=1)\n    return f(a, high=2)", "f(a, low=1)\n    return f(a, low=2)"),
    ("unwrapped", "return list(a)", "return a"),
    ("unwrapped", "return a.copy()", "return a"),
    ("wrapped", "return a[b]", "return len(a[b])"),
    ("combined", "return f(a)", "return f(a - b)"),
    ("combined", "return [c for c in a]", "return b + [c for c in a]"),
    ("subscript", "return a[b:]", "return a[b + 1:]"),
    ("subscript", "return a[b, c]", "return a[c, b]"),
    ("subscript", "return a[b]", "return a.get(b, 0)"),
    ("clause", "if a.next:\n        return b", "if a is None or a.next:\n        return b"),
    ("condition", "while True:\n        a.pop()", "while a:\n        a.pop()"),
    ("comparison for value", "return True", "return a == 0"),
    ("filter", "return [c for c in a if c]", "return [c for c in a]"),
    ("loop", "for c in a:\n        b(c)", "for c in a[b:]:\n        b(c)"),
    ("loop", "for c in range(a):\n        b(c)", "for c in range(1, a):\n        b(c)"),
    ("statement deleted", "b = a\n    return b", "return b"),
    ("nesting", "if a:\n        b()\n    return c", "while a:\n        b()\n    return c"),
    ("statement moved", "b()\n    c()\n    return a", "c()\n    b()\n    return a"),
    ("jump", "for c in a:\n        break", "for c in a:\n        continue"),
    ("result", "yield a", "yield from a"),
    ("result", "f(a)", "return f(a)"),
    ("jump inserted", "for c in a:\n        b(c)", "for c in a:\n        b(c)\n        break"),
    ("guard", "return b(a)", "if not a:\n        return None\n    return b(a)"),
    ("enclosed", "b(a)\n    return c", "if a:\n        b(a)\n    return c"),
    ("assignment", "c = b\n    return c", "c += b\n    return c"),
    ("assignment", "c = b\n    return c", "c = max(c, b)\n    return c"),
    ("assignment inserted", "c = 0\n    b(c)", "c = 0\n    b(c)\n    c += 1"),
    ("call inserted", "a.append(b)\n    return a", "a.append(b)\n    a.append(c)\n    return a"),
    ("statement copied", "c = b\n    a(c)\n    return c", "c = b\n    a(c)\n    c = b\n    return c"),
    ("exception", "raise KeyError(a)", "raise ValueError(a)"),
]  # fmt: skip
MUTABLE = "def f(a, items=[]):\n    items.append(a)\n    return items\n"
FRESH = "def f(a, items=None):\n    if items is None:\n        items = []\n    items.append(a)\n    return items\n"
AWAITED = "async def f(a, b):\n    c = b(a)\n    return c\n"


def _program(body: str) -> str:
    return f"def f(a, b, c=None):\n    # keep   me\n    {body}\n"


def _offers(text: str, kinds: dict[str, Kinds] | None = None) -> dict[str, str]:
    """What the families make of every statement, by the text that comes out."""
    source = Source("m.py", text)
    suspects = [Suspect(source=source, statement=s, score=1.0, why=()) for s in source.statements()]
    types = {"m.py": {1: kinds or {}}}
    return {apply_edits(text, list(c.edits)): c.families[0] for c in single_edits(suspects, types)}


@pytest.mark.parametrize(("family", "faulty", "right"), REPAIRS)
def test_a_family_offers_its_repair_and_leaves_the_rest_of_the_file_alone(
    family: str, faulty: str, right: str
) -> None:
    offers = _offers(_program(faulty))
    assert _program(right) in offers, sorted(o for o, by in offers.items() if by == family)[:20]


def test_every_family_is_there_for_a_repair_of_the_list() -> None:
    assert {family.name for family in FAMILIES} == {family for family, _, _ in REPAIRS} | {"default"}


def test_a_mutable_default_is_made_anew_in_every_call() -> None:
    assert _offers(MUTABLE)[FRESH] == "default"


def test_a_missing_await_is_offered_in_coroutines_alone() -> None:
    assert AWAITED.replace("b(a)", "await b(a)") in _offers(AWAITED)
    assert not [offer for offer in _offers(AWAITED.removeprefix("async ")) if "await" in offer]


def test_what_traced_runs_saw_of_the_variables_keeps_nonsense_out() -> None:
    kinds = {"a": frozenset({"list"}), "b": frozenset({"int"}), "c": frozenset({"int"})}
    text = _program("return b")
    assert _program("return b - c") in _offers(text, kinds)
    assert _program("return b - a") not in _offers(text, kinds)
    assert _program("return len(b)") not in _offers(text, kinds)
    assert _program("return len(b)") in _offers(text)


def test_the_style_of_the_file_is_kept() -> None:
    text = textwrap.dedent("""\
        def f(a):
        \tif a :   # odd, but theirs
        \t\treturn a
        """)
    added = [offer for offer in _offers(text) if len(offer.splitlines()) == len(text.splitlines()) + 1]
    assert added
    assert all("\tif a :   # odd, but theirs\n" in offer for offer in added)
    assert not [line for offer in added for line in offer.splitlines() if line.startswith(" ")]


def test_line_ends_of_the_file_are_kept() -> None:
    text = "def f(a):\r\n    b = a\r\n    return b\r\n"
    longer = [offer for offer in _offers(text) if offer.count("\n") > 3]
    assert longer
    assert all(offer.count("\n") == offer.count("\r\n") for offer in longer)


def test_most_of_what_is_offered_on_real_code_is_valid_python() -> None:
    path = Path(__file__).parents[3] / "src/swe_ai_fleet/domain/brief.py"
    offers = list(_offers(path.read_text()))[::3]
    parsed = 0
    for offer in offers:
        try:
            ast.parse(offer)
        except SyntaxError:
            continue
        parsed += 1
    assert len(offers) > 100
    assert parsed > 0.9 * len(offers)


def test_an_attribute_may_come_from_another_file_of_the_package() -> None:
    orders = Source("orders.py", "def due(order):\n    return order.quantiti\n")
    items = Source("items.py", "class Item:\n    quantity: int\n\n    def price(self):\n        return 1\n")
    statements = [source.tree.body[0].body[-1] for source in (orders, items)]  # type: ignore[attr-defined]
    suspects = [
        Suspect(source=source, statement=statement, score=score, why=())
        for source, statement, score in zip((orders, items), statements, (1.0, 0.1), strict=True)
    ]
    offered = {
        edit.text for one in single_edits(suspects, {}) for edit in one.edits if edit.file == "orders.py"
    }
    assert "quantity" in offered
