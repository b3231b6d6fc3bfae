"""Calls: arguments swapped, missing or too many; what is called on what; wrappers put on and taken off."""

import ast
from collections.abc import Iterator
from itertools import combinations

from swe_ai_fleet.repair.edits.site import Option, Site
from swe_ai_fleet.repair.kinds import NUMBERS, SEQUENCES, SIZED
from swe_ai_fleet.repair.scope import in_format_string

_TEXT = frozenset({"str", "bytes"})
_SETS = frozenset({"set", "frozenset"})
_ANY = (
    SIZED
    | NUMBERS
    | frozenset({"generator", "dict_keys", "dict_values", "dict_items", "map", "zip", "filter"})
)
_WRAPPERS = (
    ("len", SIZED, 1.0),
    ("abs", NUMBERS, 0.8),
    ("int", NUMBERS | _TEXT, 0.8),
    ("list", _ANY - NUMBERS, 0.7),
    ("str", NUMBERS | SIZED, 0.6),
    ("sorted", _ANY - NUMBERS, 0.6),
    ("set", _ANY - NUMBERS, 0.5),
    ("tuple", _ANY - NUMBERS, 0.5),
    ("sum", SIZED - _TEXT, 0.4),
    ("float", NUMBERS | _TEXT, 0.4),
)
_FITS = 0.2
_PLAIN = (ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.BinOp)
_MANY = 6


def swap_arguments(site: Site) -> Iterator[Option]:
    """Two positional arguments exchanged, neighbours first."""
    node = site.node
    if not isinstance(node, ast.Call) or any(isinstance(a, ast.Starred) for a in node.args):
        return
    pairs = sorted(combinations(range(len(node.args)), 2), key=lambda pair: pair[1] - pair[0])
    for first, second in pairs[:8]:
        left, right = node.args[first], node.args[second]
        start, end = site.between(left, right)
        swapped = f"{site.text(right)}{site.source.text[start:end]}{site.text(left)}"
        yield Option(site.source.span(left)[0], site.source.span(right)[1], swapped)


def drop_argument(site: Site) -> Iterator[Option]:
    """One argument less."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    parts: list[ast.expr | ast.keyword] = sorted(
        [*node.args, *node.keywords], key=lambda part: (part.lineno, part.col_offset)
    )
    for index in reversed(range(len(parts))):
        if index > 0:
            yield Option(site.source.span(parts[index - 1])[1], site.source.span(parts[index])[1], "")
        elif len(parts) > 1:
            yield Option(site.source.span(parts[0])[0], site.source.span(parts[1])[0], "")
        else:
            yield Option(*site.source.span(parts[0]), "")


def add_argument(site: Site) -> Iterator[Option]:
    """One argument more: a variable at the end or the start, or a keyword that well-known functions take."""
    node = site.node
    if not isinstance(node, ast.Call) or (len(node.args) == 1 and isinstance(node.args[0], ast.GeneratorExp)):
        return
    end = site.source.span(node)[1] - 1
    is_empty = not node.args and not node.keywords
    tail = site.source.text[site.source.span(node.func)[1] : end].rstrip()
    comma = "" if is_empty or tail.endswith(",") else ", "
    for keyword in _keywords(site, node):
        yield Option(end, end, f"{comma}{keyword}", 2.0)
    for name in [*site.names.local[:_MANY], "None", "True", "0", "1"]:
        if not node.keywords:
            yield Option(end, end, f"{comma}{name}")
        if node.args:
            start = site.source.span(node.args[0])[0]
            yield Option(start, start, f"{name}, ", 0.7)


def _keywords(site: Site, node: ast.Call) -> Iterator[str]:
    """Keyword arguments that the function is known to take and is not given."""
    given = {keyword.arg for keyword in node.keywords}
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    known = {
        "sorted": ("reverse=True", "key=len"), "sort": ("reverse=True", "key=len"), "max": ("key=len", "default=0"),
        "min": ("key=len", "default=0"), "zip": ("strict=True",), "enumerate": ("start=1",),
    }  # fmt: skip
    for text in known.get(name, ()):
        if text.split("=")[0] not in given:
            yield text
    for function in ast.walk(site.source.tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and function.name == name:
            for argument in [*function.args.args, *function.args.kwonlyargs]:
                if argument.arg not in given and argument.arg in site.names.local:
                    yield f"{argument.arg}={argument.arg}"


def change_receiver(site: Site) -> Iterator[Option]:
    """The same method of another object; a method of an argument, or a function of the object."""
    node = site.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    receiver = node.func.value
    if not isinstance(receiver, ast.Name) and len(node.args) == 1:
        yield site.put(node, f"{site.atom(node.args[0])}.{node.func.attr}({site.text(receiver)})")
    elif len(node.args) == 1 and not isinstance(node.args[0], ast.GeneratorExp | ast.Starred):
        yield site.put(node, f"{site.atom(node.args[0])}.{node.func.attr}({site.text(receiver)})", 0.5)


def unwrap(site: Site) -> Iterator[Option]:
    """What is inside of a call, an index or an attribute, without it."""
    node = site.node
    if isinstance(node, ast.Call):
        for argument in node.args:
            if not isinstance(argument, ast.Starred | ast.GeneratorExp):
                yield site.put(node, site.loose(node, site.text(argument)))
        if isinstance(node.func, ast.Attribute):
            yield site.put(node, site.text(node.func.value))
    elif isinstance(node, ast.Subscript | ast.Attribute) and not _is_called(site):
        weight = 1.0 if isinstance(node.ctx, ast.Load) else 0.3
        yield site.put(node, site.text(node.value), weight)
    elif isinstance(node, ast.Await | ast.Starred):
        yield site.put(node, site.text(node.value))


def wrap(site: Site) -> Iterator[Option]:
    """A conversion, a length, an index, a copy or a limit around an expression."""
    node = site.node
    if not isinstance(node, _PLAIN) or not _is_read(site) or _is_called(site):
        return
    text, atom, kinds = site.text(node), site.atom(node), site.kinds(node)
    for name, wanted, weight in _WRAPPERS:
        if not kinds or kinds & wanted:
            yield site.put(node, f"{name}({text})", weight)
    if not kinds or kinds & SEQUENCES:
        for suffix in ("[1:]", "[0]", "[-1]", "[:-1]", "[:]", "[::-1]"):
            yield site.put(node, f"{atom}{suffix}", 0.8)
    yield site.put(node, f"[{text}]", 0.5)
    limits = ("0", *site.variables(NUMBERS, limit=3)) if not kinds or kinds & NUMBERS else ()
    for other in limits:
        yield site.put(node, f"max({other}, {text})", 0.5)
        yield site.put(node, f"min({other}, {text})", 0.5)
    if isinstance(node, ast.Call) and isinstance(site.function, ast.AsyncFunctionDef):
        yield site.put(node, site.loose(node, f"await {text}"), 3.0)


def combine(site: Site) -> Iterator[Option]:
    """An operation with a variable that is missing: ``x - y`` for ``x``, ``x[y]``, ``y + x``."""
    node = site.node
    if not isinstance(node, (*_PLAIN, ast.ListComp, ast.List)) or not _is_read(site) or _is_called(site):
        return
    if isinstance(node, ast.BinOp) and isinstance(site.parent, ast.BinOp):
        return
    text, kinds = site.text(node), site.kinds(node)
    for name, fit in site.fitting(kinds, limit=8, but=text):
        if fit < _FITS:
            break
        yield from _sums(site, node, name, fit)
    if isinstance(node, ast.Name | ast.Attribute) and (not kinds or kinds & SIZED):
        for place, name in enumerate(site.variables(frozenset({"int"}), limit=5)):
            for suffix in (f"[{name}]", f"[{name}:]", f"[:{name}]") if name != text else ():
                yield site.put(node, f"{text}{suffix}", 0.6 / (1 + place / 4))


def _sums(site: Site, node: ast.expr, name: str, weight: float) -> Iterator[Option]:
    """Sums and differences of an expression and a variable of its kind."""
    text, atom, kinds = site.text(node), site.atom(node), site.kinds(node)
    is_number = not kinds or bool(kinds & NUMBERS)
    yield site.put(node, site.loose(node, f"{text} + {name}"), weight)
    if not kinds or not kinds & NUMBERS:
        yield site.put(node, site.loose(node, f"{name} + {text}"), weight)
    if is_number or kinds & _SETS:
        yield site.put(node, site.loose(node, f"{atom} - {name}"), weight)
    if is_number:
        yield site.put(node, site.loose(node, f"{name} - {atom}"), weight * 0.4)
        yield site.put(node, site.loose(node, f"{atom} * {name}"), weight * 0.3)


def change_subscript(site: Site) -> Iterator[Option]:
    """Bounds of a slice, ``get`` for an index, parts of a compound index exchanged."""
    node = site.node
    if not isinstance(node, ast.Subscript):
        return
    inner = node.slice
    value = site.text(node.value)
    if isinstance(inner, ast.Slice):
        lower = site.text(inner.lower) if inner.lower else ""
        upper = site.text(inner.upper) if inner.upper else ""
        step = f":{site.text(inner.step)}" if inner.step else ""
        bounds = [("", upper), (lower, ""), (upper, lower)]
        bounds += [(f"{lower} + 1" if lower else "1", upper), (lower, f"{upper} - 1" if upper else "-1")]
        bounds += [(lower, f"{upper} + 1")] if upper else []
        for low, high in bounds:
            if (low, high) != (lower, upper):
                yield site.put(node, f"{value}[{low}:{high}{step}]")
        yield site.put(node, f"{value}[{lower}:{upper}:-1]", 0.5)
    elif isinstance(inner, ast.Tuple) and len(inner.elts) == 2:
        yield site.put(inner, f"{site.text(inner.elts[1])}, {site.text(inner.elts[0])}")
    elif isinstance(node.ctx, ast.Load):
        for default in ("", ", 0", ", None", ", []", ", ''"):
            yield site.put(node, f"{value}.get({site.text(inner)}{default})", 0.5)


def change_keyword(site: Site) -> Iterator[Option]:
    """Another name for a keyword argument: one that the file uses."""
    node = site.node
    if not isinstance(node, ast.keyword) or node.arg is None:
        return
    start = site.source.span(node)[0]
    others = {k.arg for k in ast.walk(site.source.tree) if isinstance(k, ast.keyword) and k.arg}
    for other in sorted(others - {node.arg})[:_MANY]:
        yield Option(start, start + len(node.arg), other)


def _is_read(site: Site) -> bool:
    is_bare = isinstance(site.parent, ast.Expr)
    is_written = isinstance(getattr(site.node, "ctx", None), ast.Store | ast.Del)
    return not is_written and not is_bare and not in_format_string(site.source, site.node)


def _is_called(site: Site) -> bool:
    return isinstance(site.parent, ast.Call) and site.parent.func is site.node
