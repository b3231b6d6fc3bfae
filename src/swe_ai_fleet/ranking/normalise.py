"""When two answers are the same answer: the key of deduplication."""

import ast
import hashlib
import warnings
from functools import lru_cache

_MAX_PARSED_CHARS = 65536
_REMEMBERED = 256
"""Answers whose keys are kept: a council is decided again whenever an answer comes."""
_SIGNS = ("=", ":", "import ", "return", "raise", "assert")
"""A source without any of them does next to nothing: looking for them is cheap, parsing prose is not."""
_MARK = "```"


def answer_key(content: str, *, patch_key: str | None = None, is_program: bool = True) -> str:
    """Equal for answers that differ only in what no reader would call a difference.

    A patch has its own key (comments, blank space and positions left out). Python code is compared by its
    syntax tree without docstrings, whether fenced or bare; anything else by its words.

    Args:
        content: the answer as given.
        patch_key: the key of its patch, where it is one.
        is_program: a program was asked for, so that what is said around its one block of code is no part of it.
    """
    if patch_key is not None:
        return f"patch:{patch_key}"
    tree = None if len(content) > _MAX_PARSED_CHARS else _program_key(content, is_program=is_program)
    return f"text:{' '.join(content.split())}" if tree is None else f"python:{tree}"


@lru_cache(maxsize=_REMEMBERED)
def _program_key(content: str, *, is_program: bool) -> str | None:
    fenced, around = _fenced(content) if _MARK in content else ([], "")
    is_code = len(fenced) == 1 and (is_program or not around)
    return _python_key(fenced[0] if is_code else content)


def _fenced(content: str) -> tuple[list[str], str]:
    """The fenced blocks that are closed, and what is said around them; line by line, so that marks cost nothing."""
    blocks: list[str] = []
    around: list[str] = []
    opened: list[str] = []
    for line in content.split("\n"):
        behind = line.removeprefix(_MARK) if line.startswith(_MARK) else None
        if not opened and behind is not None and "`" not in behind:
            opened = [line]
        elif not opened:
            around.append(line)
        elif behind is not None and not behind.strip(" \t"):
            blocks.append("".join(f"{text}\n" for text in opened[1:]))
            opened = []
        else:
            opened.append(line)
    return blocks, "\n".join(around + opened).strip()


def _python_key(source: str) -> str | None:
    """A digest of a Python source's syntax tree, without positions and docstrings; None where it is none.

    A text of plain words or a single expression is no program: prose must not be taken for code.
    """
    if len(source) > _MAX_PARSED_CHARS or not any(sign in source for sign in _SIGNS):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
        if all(isinstance(node, ast.Expr) for node in tree.body):
            return None
        for node in ast.walk(tree):
            _drop_docstring(node)
        return hashlib.sha256(ast.dump(tree).encode("utf-8", "surrogatepass")).hexdigest()
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _drop_docstring(node: ast.AST) -> None:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str())), *rest]:
            node.body = rest or [ast.Pass()]
        case _:
            pass
