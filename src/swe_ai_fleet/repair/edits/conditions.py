"""Conditions: negated, too strong, too weak, missing a case, or another one altogether."""

import ast
from collections.abc import Iterator

from swe_ai_fleet.repair.edits.site import Option, Site, conditions_of
from swe_ai_fleet.repair.kinds import NUMBERS, SEQUENCES

_MANY = 10


def negate(site: Site) -> Iterator[Option]:
    """The opposite of a condition, unless another comparison says it better."""
    for test in _tests(site):
        is_compared = isinstance(test, ast.Compare) and len(test.ops) == 1
        if not isinstance(test, ast.UnaryOp) and not is_compared:
            is_loose = isinstance(test, ast.BoolOp | ast.IfExp)
            yield site.put(test, f"not ({site.text(test)})" if is_loose else f"not {site.text(test)}")


def _tests(site: Site) -> list[ast.expr]:
    """The conditions that the node tests."""
    if isinstance(site.node, ast.comprehension):
        return list(site.node.ifs)
    test = conditions_of(site.node)
    return [test] if test is not None else []


def add_clause(site: Site) -> Iterator[Option]:
    """One more clause: something is None or empty, a variable, or a condition that the function tests elsewhere."""
    for test in _tests(site):
        text = site.text(test)
        own = f"({text})" if isinstance(test, ast.BoolOp | ast.IfExp | ast.Lambda) else text
        joined_or = text if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or) else own
        joined_or = text if isinstance(test, ast.BoolOp) else joined_or  # `and` binds tighter: no parentheses
        joined_and = text if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else own
        for clause, weight in _clauses(site, test):
            yield site.put(test, f"{clause} or {joined_or}", weight)
            yield site.put(test, f"{clause} and {joined_and}", weight)
            yield site.put(test, f"{joined_or} or {clause}", weight * 0.6)
            yield site.put(test, f"{joined_and} and {clause}", weight * 0.6)


def _clauses(site: Site, test: ast.expr) -> Iterator[tuple[str, float]]:
    mentioned = _mentioned(test)
    subjects = [*mentioned, *(name for name in site.names.local if name not in mentioned)][:_MANY]
    for place, name in enumerate(subjects):
        weight = 1 / (1 + place / 3)
        kinds = site.names.kinds.get(name, frozenset())
        if not kinds or not kinds & NUMBERS:
            yield f"{name} is None", weight
            yield f"{name} is not None", weight * 0.7
        yield f"not {name}", weight
        yield name, weight * 0.7
        if kinds & NUMBERS:
            yield f"{name} < 0", weight * 0.5
            yield f"{name} == 0", weight * 0.5
    for text in _conditions_elsewhere(site, test)[:_MANY]:
        yield text, 0.4


def _mentioned(test: ast.expr) -> list[str]:
    """Names that the condition reads, and the objects whose attributes it reads."""
    found: list[str] = []
    for node in ast.walk(test):
        if isinstance(node, ast.Name) and node.id not in found:
            found.append(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.append(f"{node.value.id}.{node.attr}")
    return list(dict.fromkeys(found))


def _conditions_elsewhere(site: Site, test: ast.expr) -> list[str]:
    found: list[str] = []
    root: ast.AST = site.source.outermost_function_of(site.node) or site.source.tree
    for node in ast.walk(root):
        other = conditions_of(node)
        if other is not None and other is not test:
            parts = other.values if isinstance(other, ast.BoolOp) else [other]
            found += [site.text(part) for part in parts if "\n" not in site.text(part)]
    return list(dict.fromkeys(found))


def change_condition(site: Site) -> Iterator[Option]:
    """Another condition: a variable, a comparison of two, one from elsewhere in the function, always, never."""
    for test in _tests(site):
        own = site.text(test)
        for name in site.names.local[:_MANY]:
            if name != own:
                yield site.put(test, name, 0.7)
                yield site.put(test, f"not {name}", 0.5)
                yield site.put(test, f"{name} is not None", 0.4)
        for text in _conditions_elsewhere(site, test)[:_MANY]:
            yield site.put(test, text)
        for text in ("True", "False"):
            if own != text:
                yield site.put(test, text, 0.5)


def compare_result(site: Site) -> Iterator[Option]:
    """A comparison instead of a value: ``x == 0`` for ``True`` or for ``x``; what is returned or assigned."""
    node = site.node
    if not isinstance(node, ast.Return | ast.Assign) or not isinstance(node.value, ast.Constant | ast.Name):
        return
    own = site.text(node.value)
    for name in site.names.local[:_MANY]:
        for text in (
            f"{name} == 0",
            f"not {name}",
            f"{name} is None",
            f"{name} is not None",
            f"bool({name})",
        ):
            if name != own:
                yield site.put(node.value, text)


def change_filter(site: Site) -> Iterator[Option]:
    """The condition of a comprehension dropped, or one put in."""
    node = site.node
    if not isinstance(node, ast.comprehension):
        return
    for index, test in enumerate(node.ifs):
        before = node.ifs[index - 1] if index else node.iter
        yield Option(site.source.span(before)[1], site.source.span(test)[1], "")
    if not node.ifs:
        end = site.source.span(node.iter)[1]
        target = site.text(node.target)
        yield Option(end, end, f" if {target}")
        yield Option(end, end, f" if {target} is not None", 0.7)
        for text in _conditions_elsewhere(site, node.iter)[:_MANY]:
            yield Option(end, end, f" if {text}", 0.4)


def change_loop(site: Site) -> Iterator[Option]:
    """What a loop runs over: other bounds of a range, without its first or last, in reverse, pairs, a copy."""
    node = site.node
    if not isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
        return
    over, text = node.iter, site.text(node.iter)
    if isinstance(over, ast.Call) and site.text(over.func) == "range" and not over.keywords:
        parts = [site.text(part) for part in over.args]
        low, high = (parts[0], parts[1]) if len(parts) > 1 else ("0", parts[0] if parts else "0")
        step = f", {parts[2]}" if len(parts) > 2 else ""
        for start, stop in ((low, f"{high} + 1"), (low, f"{high} - 1"), (f"{low} + 1", high), ("1", high),
                            ("0", high), ("1", f"{high} + 1"), (f"{low} - 1", high), (high, low)):  # fmt: skip
            yield site.put(over, f"range({start}, {stop}{step})")
        yield site.put(over, f"range({low}, {high}, -1)", 0.5)
        yield site.put(over, f"range({high} - 1, {low} - 1, -1)", 0.7)
    atom = site.atom(over)
    for other in (f"{atom}[1:]", f"{atom}[:-1]", f"reversed({text})", f"sorted({text})", f"list({text})",
                  f"{atom}[::-1]", f"enumerate({text})", f"{atom}.items()", f"{atom}.values()",
                  f"set({text})"):  # fmt: skip
        yield site.put(over, other, 0.6)
    kinds = site.kinds(over)
    for name in site.variables(frozenset({"int"}), limit=5) if not kinds or kinds & SEQUENCES else ():
        yield site.put(over, f"{atom}[{name}:]", 0.6)
        yield site.put(over, f"{atom}[:{name}]", 0.5)
