"""Ways out and conditions that are missing."""

import ast
from collections.abc import Iterator

from swe_ai_fleet.repair.edits.lines import JUMPS, SIMPLE, in_loop, new_line, reindented, whole_lines
from swe_ai_fleet.repair.edits.site import Option, Site
from swe_ai_fleet.repair.kinds import NUMBERS, SIZED


def insert_jump(site: Site) -> Iterator[Option]:
    """``break``, ``continue`` or ``return`` behind the statement."""
    node = site.node
    if not isinstance(node, ast.stmt) or isinstance(node, JUMPS) or site.function is None:
        return
    lines = whole_lines(site, node)
    if lines is None or isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
        return
    jumps = ["return"]
    if in_loop(site, node):
        jumps = ["break", "continue", "return"]
    jumps += [f"return {name}" for name in site.names.local[:4]]
    for jump in jumps:
        yield Option(lines[1], lines[1], new_line(site, node, jump), 0.7)


def insert_guard(site: Site) -> Iterator[Option]:
    """A condition before the statement that leaves early: a base case, or nothing to do."""
    node = site.node
    if not isinstance(node, ast.stmt) or site.function is None or whole_lines(site, node) is None:
        return
    if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
        return
    start = site.source.line_start(node.lineno)
    if site.source.text.startswith("elif", site.source.span(node)[0]):
        return
    exits = ["continue", "break"] if in_loop(site, node) else []
    exits += _returns(site)
    deeper = site.source.indent
    for place, test in enumerate(_guards(site, node)):
        for rank, way_out in enumerate(exits):
            text = new_line(site, node, f"if {test}:") + new_line(site, node, f"{deeper}{way_out}")
            yield Option(start, start, text, 1 / (1 + place / 4 + rank / 3))


def _returns(site: Site) -> list[str]:
    """Ways to return that the function has, and plain values of the same kind."""
    nodes = ast.walk(site.function) if site.function is not None else ()
    found = [site.text(n) for n in nodes if isinstance(n, ast.Return) and "\n" not in site.text(n)]
    common = ["return None", "return []", "return 0", "return False", "return True"]
    common += [f"return {name}" for name in site.names.local[:4]]
    return list(dict.fromkeys(found[:4] + common))[:9]


def _guards(site: Site, node: ast.stmt) -> list[str]:
    """Conditions on what the statement reads, such as its kind can meet."""
    read = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in site.names.local]
    names = list(dict.fromkeys([*read, *site.names.local]))[:5]
    forms = (
        ("not {0}", None),
        ("{0} is None", None),
        ("{0} == 0", NUMBERS),
        ("{0}", None),
        ("{0} < 0", NUMBERS),
        ("{0} == 1", NUMBERS),
        ("len({0}) == 1", SIZED),
    )
    found: list[str] = []
    for form, wanted in forms:
        for name in names:
            kinds = site.names.kinds.get(name)
            is_known_number = bool(kinds and kinds <= NUMBERS)
            if (wanted is None and not (is_known_number and "None" in form)) or (
                wanted and kinds and kinds & wanted
            ):
                found.append(form.format(name))
    return found


def enclose(site: Site) -> Iterator[Option]:
    """The statement only under a condition on what it reads."""
    node = site.node
    if not isinstance(node, SIMPLE) or site.function is None or whole_lines(site, node) is None:
        return
    lines = whole_lines(site, node)
    assert lines is not None
    indent = site.source.indent_of(node)
    body = reindented(site, [node], indent + site.source.indent)
    read = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in site.names.local]
    for name in list(dict.fromkeys([*read, *site.names.local]))[:5]:
        for test in (name, f"not {name}", f"{name} is not None", f"{name} is None"):
            yield Option(*lines, new_line(site, node, f"if {test}:") + body, 0.7)
