"""Functions in answers: which part of an answer is the program, and what is known of the function beforehand."""

import ast
import re
import warnings

_MAX_CHARS = 65536
_MAX_PART_CHARS = 500
"""Of a signature: up to its first closing bracket, and from there to its colon."""
_FENCE = re.compile(r"^ {0,3}```[ \t]*(\w*)[^\n`]*\n(.*?)(?:^ {0,3}```[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_PYTHON = ("", "python", "python3", "py")


def program_in(content: str, entry_point: str) -> str | None:
    """The source of an answer's program, None where there is none.

    It is the first that defines ``entry_point`` at its top: of the fenced blocks, all of them together, and the
    bare text.
    """
    blocks = python_blocks(content)
    together = ["\n\n".join(blocks)] if len(blocks) > 1 else []
    return next((text for text in (*blocks, *together, content) if _defines(text, entry_point)), None)


def python_blocks(content: str) -> list[str]:
    """The fenced blocks of a text that may be Python, in order; a block that is never closed reaches to the end."""
    return [text for language, text in _FENCE.findall(content[:_MAX_CHARS]) if language.lower() in _PYTHON]


def checks_text(content: str) -> str:
    """What proposed checks of a function say: their fenced blocks, or the bare text where there are none."""
    return "\n".join(python_blocks(content)) or content[:_MAX_CHARS]


def signature_in(text: str, entry_point: str) -> str:
    """Where a text begins the function, as a function of its own; empty where it does not."""
    some = f"{{0,{_MAX_PART_CHARS}}}"
    found = re.search(rf"(?<!\w)(def\s+{re.escape(entry_point)}\s*\([^\n)]{some}\)[^\n:]{some}:)", text)
    return "" if found is None else f"{found[1]}\n    pass\n"


def _defines(text: str, name: str) -> bool:
    if len(text) > _MAX_CHARS:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(name in _names(node) for node in body)


def _names(node: ast.stmt) -> set[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Assign(targets=targets):
            return {target.id for target in targets if isinstance(target, ast.Name)}
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return {alias.asname or alias.name for alias in names}
        case _:
            return set()
