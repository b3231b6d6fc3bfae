"""A Python file as text with a tree over it: edits are spans of the text, the tree only says where they are."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef
DEFAULT_INDENT = "    "


@dataclass(frozen=True, slots=True, order=True)
class Edit:
    """One span of one file replaced by another text. Offsets count characters of the file as it is stored."""

    file: str
    start: int
    end: int
    text: str


def apply_edits(text: str, edits: list[Edit]) -> str:
    """The text with each span replaced. The edits belong to this text and do not overlap."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


class Source:
    """One file of the repository.

    Raises:
        SyntaxError: the text is not Python; ValueError and RecursionError likewise.
    """

    def __init__(self, path: str, text: str) -> None:
        """``path`` is relative to the repository's root; ``text`` keeps the file's own line ends."""
        self.path = path
        self.text = text
        self.tree = ast.parse(text)
        self._starts = [0]
        at = 0
        while (at := text.find("\n", at)) >= 0:
            at += 1
            self._starts.append(at)
        self._ascii = text.isascii()
        self.parents: dict[ast.AST, ast.AST] = {
            child: parent for parent in ast.walk(self.tree) for child in ast.iter_child_nodes(parent)
        }
        self.newline = "\r\n" if "\r\n" in text else "\n"

    def at(self, line: int, column: int) -> int:
        """The offset of a position as the tree gives it: line from 1, column in bytes of UTF-8."""
        start = self._starts[line - 1]
        if self._ascii:
            return start + column
        return start + len(self.text[start : start + column].encode()[:column].decode(errors="ignore"))

    def line_start(self, line: int) -> int:
        """Where the line begins; the end of the text for the line after the last."""
        return self._starts[line - 1] if line <= len(self._starts) else len(self.text)

    def line_of(self, offset: int) -> int:
        """The line, from 1, that holds this offset."""
        return self.text.count("\n", 0, offset) + 1

    def span(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.ExceptHandler) -> tuple[int, int]:
        """Start and end of a node that has a position."""
        start = self.at(node.lineno, node.col_offset)
        end = self.at(node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
        if isinstance(node, ast.GeneratorExp) and self._borrows_parentheses(node, start):
            return start + 1, end - 1
        return start, end

    def _borrows_parentheses(self, node: ast.GeneratorExp, start: int) -> bool:
        """A generator that is the only argument has its call's parentheses for its own."""
        call = self.parents.get(node)
        return isinstance(call, ast.Call) and "(" not in self.text[self.span(call.func)[1] : start]

    def text_of(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.ExceptHandler) -> str:
        """The node's own text."""
        start, end = self.span(node)
        return self.text[start:end]

    @cached_property
    def indent(self) -> str:
        """One level of indentation in this file."""
        for node in ast.walk(self.tree):
            body = getattr(node, "body", None)
            if isinstance(node, ast.stmt) and isinstance(body, list) and body[0].lineno > node.lineno:
                outer, inner = self.indent_of(node), self.indent_of(body[0])
                if inner.startswith(outer) and inner != outer:
                    return inner[len(outer) :]
        return DEFAULT_INDENT

    def indent_of(self, statement: ast.stmt) -> str:
        """The blank space before the statement's line."""
        start = self.line_start(statement.lineno)
        line = self.text[start : start + statement.col_offset]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def function_of(self, node: ast.AST) -> FunctionNode | None:
        """The innermost function around a node, or None at module or class level."""
        at: ast.AST | None = self.parents.get(node)
        while at is not None and not isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef):
            at = self.parents.get(at)
        return at

    def outermost_function_of(self, node: ast.AST) -> FunctionNode | None:
        """The outermost function around a node or the node itself, or None."""
        found: FunctionNode | None = None
        at: ast.AST | None = node
        while at is not None:
            if isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef):
                found = at
            at = self.parents.get(at)
        return found

    def statement_of(self, node: ast.AST) -> ast.stmt | None:
        """The innermost statement around an expression."""
        at: ast.AST | None = node
        while at is not None and not isinstance(at, ast.stmt):
            at = self.parents.get(at)
        return at

    def statements(self) -> Iterator[ast.stmt]:
        """Every statement, outer ones first."""
        return (node for node in ast.walk(self.tree) if isinstance(node, ast.stmt))


def first_line(function: FunctionNode) -> int:
    """The line that its code object names: of the first decorator, or of ``def``."""
    return min([function.lineno, *(decorator.lineno for decorator in function.decorator_list)])


def header_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """The nodes of a statement without those of the statements inside it."""
    pending: list[ast.AST] = [statement]
    while pending:
        node = pending.pop()
        yield node
        children = [c for c in ast.iter_child_nodes(node) if not isinstance(c, ast.stmt)]
        pending.extend(reversed(children))


def header_lines(statement: ast.stmt) -> range:
    """The lines that stand for the statement alone: all of a simple one, the head of a compound one."""
    body = getattr(statement, "body", None)
    first = min([statement.lineno, *(d.lineno for d in getattr(statement, "decorator_list", []))])
    if isinstance(body, list) and body:
        return range(first, max(first + 1, body[0].lineno))
    return range(first, (statement.end_lineno or statement.lineno) + 1)
