"""Wrong names: another variable, attribute or function, or another expression that the code has already."""

import ast
import difflib
from collections.abc import Iterable, Iterator

from swe_ai_fleet.repair.edits.opposites import are_opposites
from swe_ai_fleet.repair.edits.site import Option, Site
from swe_ai_fleet.repair.kinds import may_replace
from swe_ai_fleet.repair.scope import in_format_string

_MANY = 12
_MOST_ELSEWHERE = 200
_ALIKE = 0.7
_KIN_WORDS = (
    "append extend insert add appendleft push put",
    "pop popleft popitem remove discard heappop",
    "keys values items",
    "startswith endswith find index rfind rindex",
    "lower upper title capitalize casefold",
    "strip lstrip rstrip",
    "split rsplit splitlines partition rpartition",
    "update setdefault get pop",
    "union intersection difference symmetric_difference",
    "issubset issuperset isdisjoint",
    "isdigit isalpha isalnum isspace isdecimal isnumeric",
    "islower isupper istitle",
    "sort reverse",
    "read readline readlines",
    "ljust rjust center zfill",
    "encode decode",
    "min max",
    "any all",
    "sum len max",
    "floor ceil round trunc",
    "sorted list reversed set tuple",
    "int float round abs bool",
    "str repr",
    "range enumerate",
    "zip map filter",
    "heappush heappushpop heapreplace",
    "isinstance issubclass",
    "hasattr getattr",
    "first last",
    "left right",
    "start end stop",
    "search match fullmatch findall",
    "dumps dump",
    "loads load",
    "exists isfile isdir",
)
_KIN: dict[str, list[str]] = {}
for _line in _KIN_WORDS:
    for _word in _line.split():
        _KIN.setdefault(_word, []).extend(other for other in _line.split() if other != _word)


def _likely_first(name: str, others: Iterable[str]) -> list[str]:
    """Opposites, the most alike in spelling, then kin, then the others as they come."""
    kin = _KIN.get(name, [])
    rest = [other for other in dict.fromkeys(others) if other != name and other not in kin]
    likeness = {other: difflib.SequenceMatcher(None, name, other).quick_ratio() for other in rest}
    alike = sorted((other for other in rest if likeness[other] >= _ALIKE), key=lambda other: -likeness[other])
    first = [other for other in rest if are_opposites(name, other)]
    return list(dict.fromkeys([*first, *alike[:3], *kin, *rest]))


def _emphasis(name: str, other: str) -> float:
    """Opposites are confused more often than other names."""
    return 2.0 if are_opposites(name, other) else 1.0


def change_name(site: Site) -> Iterator[Option]:
    """Another variable of the function, read or assigned."""
    node = site.node
    if not isinstance(node, ast.Name) or in_format_string(site.source, node):
        return
    if _is_called(site, node):
        return
    weight = 1.0 if isinstance(node.ctx, ast.Load) else 0.5
    for name, fit in site.fitting(site.kinds(node), limit=_MANY, but=node.id):
        yield site.put(node, name, weight * fit * _emphasis(node.id, name))


def change_function(site: Site) -> Iterator[Option]:
    """Another function with the same arguments: kin of a builtin, or one that the file knows."""
    node = site.node
    if not isinstance(node, ast.Name) or not _is_called(site, node):
        return
    names = _likely_first(node.id, [*site.names.functions, *site.names.local[:4]])
    for place, name in enumerate(names[:_MANY]):
        yield site.put(node, name, _emphasis(node.id, name) / (1 + place / 4))


def change_attribute(site: Site) -> Iterator[Option]:
    """Another attribute or method: one that the file uses, one that its package defines, or kin of a well-known one."""
    node = site.node
    if not isinstance(node, ast.Attribute) or in_format_string(site.source, node):
        return
    others = [name for name, _ in site.ingredients.attributes.most_common(40)]
    start = site.source.span(node.value)[1]
    dot = site.source.text[start : site.source.span(node)[1]].rfind(node.attr)
    same_object = _attributes_of_same_object(site, node)
    elsewhere = site.ingredients.attributes_elsewhere[:_MOST_ELSEWHERE]
    names = _likely_first(node.attr, [*same_object, *others, *elsewhere])
    for place, name in enumerate(names[:_MANY]):
        weight = _emphasis(node.attr, name) / (1 + place / 4)
        yield Option(start + dot, start + dot + len(node.attr), name, weight)


def _attributes_of_same_object(site: Site, node: ast.Attribute) -> list[str]:
    base = site.text(node.value)
    found = [
        other.attr
        for other in ast.walk(site.source.tree)
        if isinstance(other, ast.Attribute) and other is not node and site.text(other.value) == base
    ]
    return list(dict.fromkeys(found))


def change_expression(site: Site) -> Iterator[Option]:
    """Another expression of the same function in its place, the same kind of expression first."""
    node = site.node
    if not isinstance(node, ast.Call | ast.Subscript | ast.Attribute | ast.BinOp | ast.Name | ast.Constant):
        return
    if in_format_string(site.source, node) or _is_called(site, node) or _is_bare(site, node):
        return
    own = site.text(node)
    outermost = site.source.outermost_function_of(node)
    is_target = isinstance(getattr(node, "ctx", None), ast.Store)
    for text, other in site.ingredients.expressions(outermost).items():
        if text == own or (text in own and not isinstance(other, ast.Subscript)):
            continue
        if is_target and not isinstance(other, ast.Name | ast.Subscript | ast.Attribute):
            continue
        if isinstance(other, ast.Name):
            continue  # change_name and change_to_name say it
        weight = may_replace(site.kinds(other), site.kinds(node)) * _likeness(site, node, other)
        yield site.put(node, site.loose(node, text) if not _binds(other) else text, weight)


def _likeness(site: Site, node: ast.expr, other: ast.expr) -> float:
    """The same form, or more made of the same variable, before anything else."""
    is_built_on = isinstance(node, ast.Name) and f"{node.id}[" in site.text(other)
    return 1.0 if is_built_on or type(other) is type(node) else 0.5


def change_to_name(site: Site) -> Iterator[Option]:
    """A variable instead of what is computed."""
    node = site.node
    if not isinstance(node, ast.Call | ast.Subscript | ast.Attribute | ast.BinOp | ast.BoolOp | ast.Compare):
        return
    if isinstance(getattr(node, "ctx", None), ast.Store | ast.Del) or _is_called(site, node):
        return
    if in_format_string(site.source, node) or _is_bare(site, node):
        return
    for name, fit in site.fitting(site.kinds(node), limit=_MANY):
        yield site.put(node, name, fit)


def _is_called(site: Site, node: ast.AST) -> bool:
    parent = site.source.parents.get(node)
    return isinstance(parent, ast.Call) and parent.func is node


def _is_bare(site: Site, node: ast.AST) -> bool:
    """A statement of its own: another expression there would do nothing."""
    return isinstance(site.source.parents.get(node), ast.Expr)


def _binds(node: ast.expr) -> bool:
    return isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript | ast.Constant | ast.List)
