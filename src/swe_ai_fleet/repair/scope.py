"""What an edit may be made of at one place: names, attributes, calls and expressions that the code uses already.

The plastic surgery hypothesis (Barr et al., FSE 2014): most of what a change needs is already in the file.
"""

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from swe_ai_fleet.repair.kinds import RESULT, Kinds, VariableKinds
from swe_ai_fleet.repair.source import FunctionNode, Source, first_line


@dataclass(slots=True)
class Names:
    """Names of one function, the most used first."""

    local: list[str] = field(default_factory=list)
    """Parameters and assigned variables, those of the functions around it last."""
    functions: list[str] = field(default_factory=list)
    """Functions and classes that can be called by name."""
    kinds: dict[str, Kinds] = field(default_factory=dict)
    """Of which types the variables have been in the traced runs, where known."""


class Package:
    """What the files that the tests reach define for each other."""

    def __init__(self, sources: Iterable[Source]) -> None:
        """Nothing is looked up yet."""
        self._sources = {source.path: source for source in sources}
        self._defined: dict[str, Counter[str]] = {}

    def defined_outside(self, path: str) -> list[str]:
        """Functions, classes, methods and fields of the other files, the most often defined first, then by name."""
        found: Counter[str] = Counter()
        for other in self._sources:
            if other != path:
                found.update(self._of(other))
        return sorted(found, key=lambda name: (-found[name], name))

    def _of(self, path: str) -> Counter[str]:
        if path not in self._defined:
            self._defined[path] = Counter(_defined(self._sources[path].tree))
        return self._defined[path]


def _defined(tree: ast.Module) -> Iterator[str]:
    """Names by which others reach what a file defines; special methods are left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not node.name.startswith("__"):
                yield node.name
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr


class Ingredients:
    """What one file offers, with what the rest of its package defines."""

    def __init__(
        self,
        source: Source,
        types: Mapping[int, VariableKinds] | None = None,
        package: Package | None = None,
    ) -> None:
        """``types``: what the variables of each function were seen to be, by the first line of the function."""
        self.source = source
        self._types = types or {}
        self._package = package
        self._names: dict[FunctionNode | None, Names] = {}
        self._expressions: dict[FunctionNode | None, dict[str, ast.expr]] = {}

    @cached_property
    def attributes(self) -> Counter[str]:
        """Attribute names that the file reads or sets, by how often, and fields that its classes declare."""
        return Counter(n.attr for n in ast.walk(self.source.tree) if isinstance(n, ast.Attribute))

    @cached_property
    def attributes_elsewhere(self) -> list[str]:
        """Attribute names that other files of the package define."""
        return [] if self._package is None else self._package.defined_outside(self.source.path)

    @cached_property
    def strings(self) -> Counter[str]:
        """Short string constants of the file, as written; docstrings are left out."""
        found: Counter[str] = Counter()
        for node in ast.walk(self.source.tree):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str) or len(node.value) > 40:
                continue
            if not isinstance(self.source.parents.get(node), ast.Expr | ast.JoinedStr):
                found[self.source.text_of(node)] += 1
        return found

    @cached_property
    def module_names(self) -> Counter[str]:
        """Module-level variables, by use."""
        stored: set[str] = set()
        for statement in self.source.tree.body:
            for node in ast.walk(statement) if isinstance(statement, ast.Assign | ast.AnnAssign) else ():
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    stored.add(node.id)
        return Counter({name: self._used[name] for name in sorted(stored)})

    @cached_property
    def _used(self) -> Counter[str]:
        return Counter(n.id for n in ast.walk(self.source.tree) if isinstance(n, ast.Name))

    @cached_property
    def callables(self) -> list[str]:
        """Functions and classes that the file defines or imports at module level, and builtins that it calls."""
        definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        defined = [node.name for node in self.source.tree.body if isinstance(node, definitions)]
        called = Counter(
            n.func.id
            for n in ast.walk(self.source.tree)
            if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
        )
        others = [name for name, _ in called.most_common() if name not in defined]
        return [*sorted(defined, key=lambda name: -called[name]), *others]

    @cached_property
    def exceptions(self) -> list[str]:
        """Exception types that the file names."""
        found: Counter[str] = Counter()
        for node in ast.walk(self.source.tree):
            if isinstance(node, ast.ExceptHandler) and node.type is not None:
                parts = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
                found.update(self.source.text_of(part) for part in parts)
            elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                found[self.source.text_of(node.exc.func)] += 1
        return [name for name, _ in found.most_common()]

    def names(self, function: FunctionNode | None) -> Names:
        """The names of a function, or of the module where it is None."""
        known = self._names.get(function)
        if known is None:
            known = self._names[function] = self._collect(function)
        return known

    def _collect(self, function: FunctionNode | None) -> Names:
        locals_: list[str] = []
        inner: list[str] = []
        at: ast.AST | None = function
        while isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef):
            own = _own_names(at)
            locals_ += [name for name, _ in own.most_common() if name not in locals_]
            inner += [n.name for n in ast.walk(at) if isinstance(n, FunctionNode) and n is not at]
            at = self.source.function_of(at)
        module = [name for name, _ in self.module_names.most_common() if name not in locals_]
        return Names(
            local=locals_ + module[:10],
            functions=[*inner, *self.callables],
            kinds=self._kinds(self.source.outermost_function_of(function)) if function is not None else {},
        )

    def _kinds(self, function: FunctionNode | None) -> dict[str, Kinds]:
        """The kinds of the variables of a function, its inner functions and comprehensions, by name."""
        if function is None:
            return {}
        first = first_line(function)
        found = dict(self._results)
        for line, variables in self._types.items():
            if first <= line <= (function.end_lineno or first):
                for name, kinds in variables.items():
                    found[name] = found.get(name, frozenset()) | kinds
        return found

    @cached_property
    def _results(self) -> dict[str, Kinds]:
        """What calls of the file's functions and methods return: by ``name()``."""
        found: dict[str, Kinds] = {}
        for node in ast.walk(self.source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                kinds = self._types.get(first_line(node), {}).get(RESULT)
                if kinds:
                    found[f"{node.name}()"] = found.get(f"{node.name}()", frozenset()) | kinds
        return found

    def expressions(self, function: FunctionNode | None) -> dict[str, ast.expr]:
        """Expressions of the outermost function around it by their text, in order; short ones only."""
        if function not in self._expressions:
            root: ast.AST = function or self.source.tree
            found: dict[str, ast.expr] = {}
            for node in ast.walk(root):
                if isinstance(node, ast.expr) and self._is_ingredient(node):
                    found.setdefault(self.source.text_of(node), node)
            self._expressions[function] = {t: n for t, n in found.items() if len(t) <= 60 and "\n" not in t}
        return self._expressions[function]

    def _is_ingredient(self, node: ast.expr) -> bool:
        if isinstance(getattr(node, "ctx", None), ast.Del) or isinstance(node, ast.Starred | ast.Slice):
            return False
        return not in_format_string(self.source, node)


def _own_names(function: FunctionNode) -> Counter[str]:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    stored = {argument.arg for argument in every}
    used: Counter[str] = Counter()
    for node in ast.walk(function):
        if isinstance(node, ast.Name):
            used[node.id] += 1
            if isinstance(node.ctx, ast.Store):
                stored.add(node.id)
    return Counter({name: used[name] + 1 for name in sorted(stored)})


def in_format_string(source: Source, node: ast.AST) -> bool:
    """Inside an f-string, whose parts have no reliable positions before Python 3.12."""
    at: ast.AST | None = node
    while at is not None and not isinstance(at, ast.stmt):
        if isinstance(at, ast.JoinedStr):
            return True
        at = source.parents.get(at)
    return False
