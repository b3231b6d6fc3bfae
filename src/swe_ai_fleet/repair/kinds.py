"""What kind of value an expression has, as far as the traced runs and its form tell."""

import ast
from collections.abc import Mapping

Kinds = frozenset[str]
"""Names of types; empty where nothing is known."""
VariableKinds = Mapping[str, Kinds]
"""By variable; what a function returns stands under ``name()``."""
RESULT = "()"
"""Stands among the variables of a function for what it returns, as the harness tells it."""

NUMBERS = frozenset({"int", "float", "bool", "complex", "Decimal", "Fraction"})
SIZED = frozenset({"str", "bytes", "list", "tuple", "dict", "set", "frozenset", "deque", "range", "Counter"})
SEQUENCES = frozenset({"str", "bytes", "list", "tuple", "range"})
_UNKNOWN: Kinds = frozenset()
_OF_CALLS = {
    "len": "int", "int": "int", "sum": "int", "abs": "int", "ord": "int", "hash": "int", "round": "int",
    "float": "float", "str": "str", "repr": "str", "chr": "str", "list": "list", "sorted": "list",
    "tuple": "tuple", "set": "set", "dict": "dict", "bool": "bool", "isinstance": "bool", "any": "bool",
    "all": "bool", "range": "range", "deque": "deque", "frozenset": "frozenset",
}  # fmt: skip
_OF_METHODS = {
    "join": "str", "strip": "str", "lower": "str", "upper": "str", "replace": "str", "format": "str",
    "split": "list", "startswith": "bool", "endswith": "bool", "isdigit": "bool", "find": "int", "count": "int",
    "index": "int", "keys": "dict_keys", "values": "dict_values", "items": "dict_items",
}  # fmt: skip
_OF_FORMS: dict[type[ast.AST], str] = {
    ast.List: "list", ast.ListComp: "list", ast.Tuple: "tuple", ast.Dict: "dict", ast.DictComp: "dict",
    ast.Set: "set", ast.SetComp: "set", ast.JoinedStr: "str", ast.Compare: "bool", ast.Lambda: "function",
    ast.GeneratorExp: "generator",
}  # fmt: skip


def kinds_of(node: ast.expr, variables: VariableKinds) -> Kinds:
    """The kinds of an expression; empty where they cannot be told."""
    if type(node) in _OF_FORMS:
        return frozenset({_OF_FORMS[type(node)]})
    match node:
        case ast.Name(id=name):
            return variables.get(name, _UNKNOWN)
        case ast.Constant(value=value):
            return frozenset({type(value).__name__})
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            table = _OF_METHODS if isinstance(node.func, ast.Attribute) else _OF_CALLS
            return variables.get(f"{name}()") or (frozenset({table[name]}) if name in table else _UNKNOWN)
        case ast.Subscript():
            return _of_subscript(node, variables)
        case ast.UnaryOp(operand=operand):
            return frozenset({"bool"}) if isinstance(node.op, ast.Not) else kinds_of(operand, variables)
        case ast.BinOp(left=left, right=right):
            return _of_operation(kinds_of(left, variables), kinds_of(right, variables))
    return _UNKNOWN


def _of_subscript(node: ast.Subscript, variables: VariableKinds) -> Kinds:
    """A slice is of the kind of the whole; so is a character."""
    whole = kinds_of(node.value, variables)
    return whole if isinstance(node.slice, ast.Slice) or whole == {"str"} else _UNKNOWN


def _of_operation(left: Kinds, right: Kinds) -> Kinds:
    """Of an operation on two operands: what one of them tells speaks for the whole, unless they differ."""
    if not left or not right or left & right:
        return (left & right) or left or right
    if left & NUMBERS and right & NUMBERS:
        return frozenset({"float"})
    return left if left & SIZED else right


def may_replace(one: Kinds, other: Kinds) -> float:
    """How well a value of one kind stands for one of another: 1 the same, less where unknown, little where not."""
    if not one or not other:
        return 0.6
    if one & other or (one & NUMBERS and other & NUMBERS):
        return 1.0
    if "NoneType" in one | other:
        return 0.4
    return 0.1
