"""What makes two patches the same, and whether changed Python still parses."""

import ast
import hashlib
import io
import re
import tokenize
import warnings
from collections.abc import Iterator, Sequence

from swe_ai_fleet.sandbox.patches.writing import ChangedFile

_IGNORED = frozenset((tokenize.COMMENT, tokenize.NL, tokenize.ENCODING))
_LAYOUT = frozenset((tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT))
_HASH_COMMENTS = frozenset(("sh", "rb", "pl", "yaml", "yml", "toml", "r", "jl", "tcl", "mk", "ini", "cfg"))
_DASH_COMMENTS = frozenset(("sql", "lua", "hs", "elm"))
_C_COMMENT = re.compile(r"/\*|//[^\n]*")
_DEEPEST = 90
"""Brackets and blocks; the interpreter's own parser takes 100 and 200."""


def patch_key(files: Sequence[ChangedFile]) -> str:
    """A digest of what the files become, without comments and blank space; where hunks lie does not matter."""
    digest = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.path):
        digest.update(f"\x00{file.path}\x00{file.new_mode if file.new is not None else 'gone'}\x00".encode())
        if file.new is not None:
            digest.update(_normalised(file.path, file.new).encode())
    return digest.hexdigest()


def _normalised(path: str, text: str) -> str:
    suffix = path.rpartition(".")[2].lower()
    if suffix in ("py", "pyi"):
        try:
            return "\x1f".join(_python_tokens(text))
        except (tokenize.TokenError, SyntaxError):
            pass
    elif suffix in _HASH_COMMENTS:
        text = re.sub(r"(?m)(^|\s)#.*$", "", text)
    elif suffix in _DASH_COMMENTS:
        text = re.sub(r"(?m)--.*$", "", text)
    elif suffix not in ("md", "rst", "txt"):
        text = _without_c_comments(text)
    return "".join(text.split())


def _without_c_comments(text: str) -> str:
    """In one pass. A comment that is never closed is none: it may be part of a pattern such as ``src/*``."""
    kept: list[str] = []
    at, last_end = 0, text.rfind("*/")
    while (found := _C_COMMENT.search(text, at)) is not None:
        kept.append(text[at : found.start()])
        at = found.end()
        if found[0] == "/*" and at <= last_end:
            at = text.index("*/", at) + len("*/")
        elif found[0] == "/*":
            kept.append("/*")
    return "".join((*kept, text[at:]))


def _python_tokens(text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text.removeprefix("\ufeff")).readline):
        if token.type in _LAYOUT:
            yield tokenize.tok_name[token.type]
        elif token.type not in _IGNORED:
            yield token.string


def parses(files: Sequence[ChangedFile]) -> bool:
    """Every changed Python file is valid syntax. It is parsed, never executed."""
    return all(
        _parses(file.new) for file in files if file.new is not None and file.path.endswith((".py", ".pyi"))
    )


def _parses(text: str) -> bool:
    if depth(text) > _DEEPEST:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def depth(text: str) -> int:
    """The deepest nesting of brackets, strings and comments counted in: a bound on what the parser must stack."""
    depth = deepest = 0
    for character in re.findall(r"[()\[\]{}]", text):
        depth += 1 if character in "([{" else -1
        deepest = max(deepest, depth)
    return deepest
