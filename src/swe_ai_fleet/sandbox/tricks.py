"""What no test can see when it runs: values that say they equal whatever they are compared with."""

import ast
import warnings
from collections.abc import Iterator, Sequence

from swe_ai_fleet.sandbox.patches.keys import depth
from swe_ai_fleet.sandbox.patches.writing import ChangedFile

_COMPARISONS = ("__eq__", "__ne__")
_DEEPEST = 90
_Function = ast.FunctionDef | ast.Lambda


def find_trick(files: Sequence[ChangedFile]) -> str:
    """What a proposal does to be equal to anything, in one sentence; empty where it does nothing of the kind.

    A comparison that it defines anew, and that does not look at the other value or always says the same, is one.
    """
    for file in files:
        if file.new is not None and file.path.endswith(".py"):
            known = {ast.dump(function) for _, function in _comparisons(file.old or "")}
            for name, function in _comparisons(file.new):
                if _ignores_the_other(function) and ast.dump(function) not in known:
                    return (
                        f"{file.path} defines {name} so that its answer does not depend on what is compared"
                    )
    return ""


def _comparisons(text: str) -> Iterator[tuple[str, _Function]]:
    """Every definition of a comparison: as a method, or as a function put under its name."""
    tree = _parse(text)
    if tree is None:
        return
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in _COMPARISONS:
            yield node.name, node
        for name, value in _named_values(node):
            found = functions.get(value.id) if isinstance(value, ast.Name) else value
            if isinstance(found, ast.FunctionDef | ast.Lambda):
                yield name, found


def _named_values(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Values under the name of a comparison: in a dictionary, by ``setattr``, or by assignment."""
    pairs: list[tuple[ast.expr | None, ast.expr]] = []
    if isinstance(node, ast.Dict):
        pairs = list(zip(node.keys, node.values, strict=True))
    elif isinstance(node, ast.Call) and len(node.args) == 3:
        pairs = [(node.args[1], node.args[2])]
    elif isinstance(node, ast.Assign):
        pairs = [(_last_name(target), node.value) for target in node.targets]
    for key, value in pairs:
        if isinstance(key, ast.Constant) and key.value in _COMPARISONS:
            yield str(key.value), value


def _last_name(target: ast.expr) -> ast.expr:
    name = target.attr if isinstance(target, ast.Attribute) else getattr(target, "id", "")
    return ast.Constant(value=name)


def _ignores_the_other(function: _Function) -> bool:
    arguments = [*function.args.posonlyargs, *function.args.args]
    if len(arguments) < 2:
        return True
    other = arguments[1].arg
    body: list[ast.AST] = list(function.body) if isinstance(function, ast.FunctionDef) else [function.body]
    nodes = [inner for part in body for inner in ast.walk(part)]
    looks = any(isinstance(node, ast.Name) and node.id == other for node in nodes)
    answers = [node.value for node in nodes if isinstance(node, ast.Return)]
    is_fixed = bool(answers) and len({ast.dump(a) for a in answers if a is not None}) == 1
    return not looks or (
        is_fixed and isinstance(answers[0], ast.Constant) and isinstance(answers[0].value, bool)
    )


def _parse(text: str) -> ast.Module | None:
    if not any(name in text for name in _COMPARISONS) or depth(text) > _DEEPEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
