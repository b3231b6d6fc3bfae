"""Whole statements: missing, superfluous, in the wrong place, of the wrong kind."""

import ast
from collections.abc import Iterator
from itertools import permutations

from swe_ai_fleet.repair.edits.site import Option, Site
from swe_ai_fleet.repair.kinds import NUMBERS, SIZED, may_replace

_MANY = 8
_GIVEN = 0.3
"""Weight of assigning a parameter that the function never assigns."""
_SIMPLE = (
    ast.Assign,
    ast.AugAssign,
    ast.AnnAssign,
    ast.Expr,
    ast.Return,
    ast.Break,
    ast.Continue,
    ast.Raise,
    ast.Delete,
)
_OWNERS = {
    "append": frozenset({"list", "deque"}),
    "extend": frozenset({"list", "deque"}),
    "add": frozenset({"set"}),
    "update": frozenset({"set", "dict", "Counter"}),
    "appendleft": frozenset({"deque"}),
}
"""Types that have a well-known method."""
_JUMPS = (ast.Return, ast.Break, ast.Continue, ast.Raise)


def whole_lines(site: Site, node: ast.stmt) -> tuple[int, int] | None:
    """The lines of a statement that shares them with no other, or None."""
    start = site.source.line_start(node.lineno)
    end = site.source.line_start((node.end_lineno or node.lineno) + 1)
    before = site.source.text[start : site.source.span(node)[0]]
    after = site.source.text[site.source.span(node)[1] : end].strip()
    if before.strip() or (after and not after.startswith("#")):
        return None
    return start, end


def _block(site: Site, node: ast.stmt) -> list[ast.stmt]:
    """The statements among which this one stands."""
    parent = site.source.parents.get(node)
    for field in ("body", "orelse", "finalbody"):
        block = getattr(parent, field, None)
        if isinstance(block, list) and node in block:
            return block
    return [node]


def _line(site: Site, node: ast.stmt, text: str) -> str:
    """A line of code at the statement's own indentation."""
    return f"{site.source.indent_of(node)}{text}{site.source.newline}"


def delete_statement(site: Site) -> Iterator[Option]:
    """The statement left out."""
    node = site.node
    if not isinstance(node, ast.stmt) or isinstance(
        node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
    ):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    lines = whole_lines(site, node)
    if lines is not None and len(_block(site, node)) > 1:
        yield Option(*lines, "", 1.0 if isinstance(node, _SIMPLE) else 0.5)
    elif not isinstance(node, ast.Pass):
        yield site.put(node, "pass")


def unnest(site: Site) -> Iterator[Option]:
    """The body of a condition without the condition; ``else`` dropped; a loop for a condition and back."""
    node = site.node
    if not isinstance(node, ast.If | ast.While | ast.With | ast.Try | ast.For):
        return
    start = site.source.span(node)[0]
    if isinstance(node, ast.If) and site.source.text.startswith("if", start):
        yield Option(start, start + 2, "while", 0.7)
        if node.orelse:
            yield _without_else(site, node)
    elif isinstance(node, ast.If):
        yield Option(start, start + 4, "if")  # elif
    elif isinstance(node, ast.While):
        yield Option(start, start + 5, "if", 0.7)
    lines = whole_lines(site, node)
    if lines is not None and not getattr(node, "orelse", None) and not isinstance(node, ast.Try):
        yield Option(*lines, _reindented(site, node.body, site.source.indent_of(node)), 0.6)


def _without_else(site: Site, node: ast.If) -> Option:
    """The branch of a condition's ``else`` deleted with its header."""
    end = site.source.line_start((node.body[-1].end_lineno or node.lineno) + 1)
    last = site.source.line_start((node.end_lineno or node.lineno) + 1)
    return Option(end, last, "", 0.4)


def _reindented(site: Site, block: list[ast.stmt], indent: str) -> str:
    """A block's lines at another indentation; lines that do not start with the old one stay as they are."""
    old = site.source.indent_of(block[0])
    start = site.source.line_start(block[0].lineno)
    end = site.source.line_start((block[-1].end_lineno or block[-1].lineno) + 1)
    lines = site.source.text[start:end].splitlines(keepends=True)
    return "".join(indent + line[len(old) :] if line.startswith(old) else line for line in lines)


def move_statement(site: Site) -> Iterator[Option]:
    """Exchanged with the next one, into the block before it, or out of the block that it ends."""
    node = site.node
    if not isinstance(node, ast.stmt) or whole_lines(site, node) is None:
        return
    block = _block(site, node)
    place = block.index(node)
    if place + 1 < len(block) and whole_lines(site, block[place + 1]) is not None:
        yield _exchanged(site, node, block[place + 1])
    if place > 0:
        yield from _into_block(site, node, block[place - 1])
    if node is block[-1] and len(block) > 1:
        yield from _out_of_block(site, node)


def _exchanged(site: Site, first: ast.stmt, second: ast.stmt) -> Option:
    start, middle = site.source.line_start(first.lineno), site.source.line_start(second.lineno)
    end = site.source.line_start((second.end_lineno or second.lineno) + 1)
    return Option(start, end, site.source.text[middle:end] + site.source.text[start:middle])


def _into_block(site: Site, node: ast.stmt, before: ast.stmt) -> Iterator[Option]:
    """One level deeper, as the last statement of the compound statement before it."""
    lines = whole_lines(site, node)
    for field in ("body", "orelse"):
        inner = getattr(before, field, None)
        if not lines or not isinstance(inner, list) or not inner:
            continue
        if inner[-1].end_lineno == before.end_lineno and inner[0].lineno > before.lineno:
            yield Option(*lines, _reindented(site, [node], site.source.indent_of(inner[0])))


def _out_of_block(site: Site, node: ast.stmt) -> Iterator[Option]:
    """One level up, behind the compound statement that it ends."""
    lines, outer = whole_lines(site, node), site.source.parents.get(node)
    if not isinstance(outer, ast.stmt) or isinstance(
        outer, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    ):
        return
    if lines and outer.end_lineno == node.end_lineno:
        yield Option(*lines, _reindented(site, [node], site.source.indent_of(outer)))


def insert_jump(site: Site) -> Iterator[Option]:
    """``break``, ``continue`` or ``return`` behind the statement."""
    node = site.node
    if not isinstance(node, ast.stmt) or isinstance(node, _JUMPS) or site.function is None:
        return
    lines = whole_lines(site, node)
    if lines is None or isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.Try):
        return
    jumps = ["return"]
    if _loop_around(site, node):
        jumps = ["break", "continue", "return"]
    jumps += [f"return {name}" for name in site.names.local[:4]]
    for jump in jumps:
        yield Option(lines[1], lines[1], _line(site, node, jump), 0.7)


def _loop_around(site: Site, node: ast.AST) -> bool:
    at = site.source.parents.get(node)
    while at is not None and not isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        if isinstance(at, ast.For | ast.While | ast.AsyncFor):
            return True
        at = site.source.parents.get(at)
    return False


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
    exits = ["continue", "break"] if _loop_around(site, node) else []
    exits += _returns(site)
    deeper = site.source.indent
    for place, test in enumerate(_guards(site, node)):
        for rank, way_out in enumerate(exits):
            text = _line(site, node, f"if {test}:") + _line(site, node, f"{deeper}{way_out}")
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
    if not isinstance(node, _SIMPLE) or site.function is None or whole_lines(site, node) is None:
        return
    lines = whole_lines(site, node)
    assert lines is not None
    indent = site.source.indent_of(node)
    body = _reindented(site, [node], indent + site.source.indent)
    read = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id in site.names.local]
    for name in list(dict.fromkeys([*read, *site.names.local]))[:5]:
        for test in (name, f"not {name}", f"{name} is not None", f"{name} is None"):
            yield Option(*lines, _line(site, node, f"if {test}:") + body, 0.7)


def insert_assignment(site: Site) -> Iterator[Option]:
    """A variable that is not carried on: ``x = y``, ``x += 1``, before or behind the statement."""
    node = site.node
    if not isinstance(node, ast.stmt) or site.function is None or whole_lines(site, node) is None:
        return
    names = site.names.local[:_MANY]
    stored = _stored(site)
    kinds = site.names.kinds
    fits = {
        (x, y): may_replace(kinds.get(x, frozenset()), kinds.get(y, frozenset()))
        for x in stored
        for y in names
    }
    given = _parameters(site) - _assigned(site)
    texts = [
        (f"{x} = {y}", fit * (_GIVEN if x in given else 1.0))
        for (x, y), fit in fits.items()
        if x != y and fit > 0.2
    ]
    numbers = [x for x in stored if not kinds.get(x) or kinds[x] & NUMBERS]
    texts += [(f"{x} {sign} 1", 1.0) for x in numbers for sign in ("+=", "-=")]
    texts += [(f"{x} = {value}", 0.3) for x in stored for value in ("0", "None", "[]", "True", "False")]
    yield from _around(site, node, texts)


def _stored(site: Site) -> list[str]:
    """Variables that the function assigns, most used first."""
    root = site.function
    stored = (
        {n.id for n in ast.walk(root) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        if root
        else set()
    )
    return [name for name in site.names.local if name in stored or name in _parameters(site)][:_MANY]


def _assigned(site: Site) -> set[str]:
    nodes = ast.walk(site.function) if site.function is not None else ()
    return {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _parameters(site: Site) -> set[str]:
    return set() if site.function is None else {argument.arg for argument in site.function.args.args}


def _around(site: Site, node: ast.stmt, texts: list[tuple[str, float]]) -> Iterator[Option]:
    """Each text as a line of its own, behind the statement and before it; into the body of a compound one."""
    lines = whole_lines(site, node)
    if lines is None:
        return
    body = getattr(node, "body", None)
    is_compound = (
        isinstance(body, list) and bool(body) and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    is_elif = site.source.text.startswith("elif", lines[0] + len(site.source.indent_of(node)))
    for text, weight in texts:
        if not isinstance(node, _JUMPS):
            yield Option(lines[1], lines[1], _line(site, node, text), weight)
        if not is_elif:
            yield Option(lines[0], lines[0], _line(site, node, text), weight * 0.8)
        if is_compound and isinstance(body, list) and whole_lines(site, body[0]) is not None:
            at = site.source.line_start(body[0].lineno)
            yield Option(at, at, _line(site, body[0], text), weight * 0.5)


def insert_call(site: Site) -> Iterator[Option]:
    """A call that the file makes elsewhere as a statement, also with this function's variables in it."""
    node = site.node
    if not isinstance(node, ast.stmt) or site.function is None or whole_lines(site, node) is None:
        return
    found = _calls(site)
    yield from _around(site, node, list(found.items()))


def _calls(site: Site) -> dict[str, float]:
    """Calls as statements, with their weights: this function's, those on ``self``, and new ones of methods in use."""
    found: dict[str, float] = {}
    methods: list[str] = []
    for other in ast.walk(site.source.tree):
        if (
            not isinstance(other, ast.Expr)
            or not isinstance(other.value, ast.Call)
            or "\n" in site.text(other)
        ):
            continue
        if site.source.function_of(other) is site.function:
            found.setdefault(site.text(other), 1.0)
        elif site.text(other).startswith("self."):
            found.setdefault(site.text(other), 0.5)
        if isinstance(other.value.func, ast.Attribute):
            methods.append(other.value.func.attr)
    for text, weight in _new_calls(site, methods):
        found.setdefault(text, weight)
    return found


def _new_calls(site: Site, methods: list[str]) -> Iterator[tuple[str, float]]:
    """Methods in use, called on a variable that has them, with another variable."""
    for method in list(dict.fromkeys([*methods, "append", "add"]))[:5]:
        for receiver, argument in permutations(site.names.local[:6], 2):
            kinds = site.names.kinds.get(receiver)
            if not kinds or kinds & _OWNERS.get(method, kinds):
                yield f"{receiver}.{method}({argument})", 0.4 if kinds else 0.2


def copy_statement(site: Site) -> Iterator[Option]:
    """A simple statement of the same function once more, around this one."""
    node = site.node
    if not isinstance(node, ast.stmt) or site.function is None:
        return
    texts: dict[str, float] = {}
    for other in ast.walk(site.function):
        if isinstance(other, ast.Assign | ast.AugAssign | ast.Return | ast.Raise) and "\n" not in site.text(
            other
        ):
            texts.setdefault(site.text(other), 1.0 if other is not node else 0.5)
    yield from _around(site, node, list(texts.items())[:12])


def change_jump(site: Site) -> Iterator[Option]:
    """``continue`` for ``break``, another value returned, ``yield`` for ``return``."""
    node = site.node
    if isinstance(node, ast.Break | ast.Continue | ast.Pass):
        for other in ("break", "continue", "return", "pass"):
            if other != site.text(node):
                yield site.put(node, other)
        yield from (site.put(node, f"return {name}", 0.5) for name in site.names.local[:4])
    elif isinstance(node, ast.Return) and node.value is not None:
        start, end = site.source.span(node)[0], site.source.span(node.value)[0]
        for word in ("yield ", "yield from ", ""):
            yield Option(start, end, word, 0.3)
        for name in site.names.local[:_MANY]:
            yield site.put(node.value, name, 0.5)


def change_result(site: Site) -> Iterator[Option]:
    """``yield from`` for ``yield``, a result that is returned instead of lost, a missing ``await``."""
    node = site.node
    if not isinstance(node, ast.Expr):
        return
    value = node.value
    if isinstance(value, ast.Yield) and value.value is not None:
        yield site.put(value, f"yield from {site.text(value.value)}")
        yield site.put(value, f"return {site.text(value.value)}", 0.5)
    elif isinstance(value, ast.YieldFrom):
        yield site.put(value, f"yield {site.text(value.value)}")
    elif isinstance(value, ast.Call):
        start = site.source.span(node)[0]
        for word in ("return ", "yield from ", "yield "):
            yield Option(start, start, word, 0.7)
        if isinstance(site.function, ast.AsyncFunctionDef):
            yield Option(start, start, "await ", 3.0)


def change_assignment(site: Site) -> Iterator[Option]:
    """Added to for assigned, the better of old and new, a call that changes for an assignment and back."""
    node = site.node
    if isinstance(node, ast.AugAssign):
        start, end = site.source.span(node.target)[1], site.source.span(node.value)[0]
        yield Option(start, end, " = ")
    elif (
        isinstance(node, ast.Assign) and len(node.targets) == 1 and not isinstance(node.targets[0], ast.Tuple)
    ):
        target, value = site.text(node.targets[0]), site.text(node.value)
        start, end = site.between(node.targets[0], node.value)
        for sign in ("+=", "-=", "*=", "|="):
            yield Option(start, end, f" {sign} ", 1.0 if sign == "+=" else 0.4)
        for choice in ("max", "min"):
            yield site.put(node.value, f"{choice}({target}, {value})")
        yield site.put(node.value, f"{target} + {site.atom(node.value)}", 0.5)
        yield site.put(node.value, f"{site.atom(node.value)} + {target}", 0.5)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if isinstance(call.func, ast.Attribute) and len(call.args) == 1:
            receiver, argument = site.text(call.func.value), site.text(call.args[0])
            yield site.put(node, f"{receiver} = {argument}", 0.5)
            yield site.put(node, f"{receiver} += {argument}", 0.5)


def change_exception(site: Site) -> Iterator[Option]:
    """Another type caught or raised."""
    node = site.node
    if isinstance(node, ast.ExceptHandler) and node.type is not None:
        target = node.type
    elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
        target = node.exc.func
    elif isinstance(node, ast.Raise) and node.exc is not None:
        target = node.exc
    else:
        return
    common = ["ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "Exception",
              "StopIteration", "OSError", "NotImplementedError", "RuntimeError", "LookupError"]  # fmt: skip
    for name in dict.fromkeys([*site.ingredients.exceptions, *common]):
        if name != site.text(target):
            yield site.put(target, name)
            if isinstance(node, ast.ExceptHandler) and not isinstance(target, ast.Tuple):
                yield site.put(target, f"({site.text(target)}, {name})", 0.5)
