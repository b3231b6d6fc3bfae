"""Which files of a tree matter for a task: those that the task and its failing checks name, directly or by import."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from swe_ai_fleet.domain.brief import SourceFile
from swe_ai_fleet.sandbox.files import read_regular

_MAX_SCANNED = 3000
_MAX_FILE_BYTES = 512 * 1024
_CODE = frozenset(
    f".{suffix}"
    for suffix in (
        *("py", "pyi", "js", "jsx", "ts", "tsx", "go", "rs", "java", "kt", "c", "h", "cc", "cpp", "hpp"),
        *("cs", "rb", "php", "swift", "scala", "sh", "sql", "lua"),
    )
)
_PROSE = (".md", ".rst", ".txt", ".toml", ".yaml", ".yml", ".json", ".ini", ".cfg", ".html", ".css", ".xml")
_TEXT = _CODE.union(_PROSE)
_BORING = frozenset(("node_modules", "vendor", "third_party", "dist", "build", ".github", "__pycache__"))
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]{2,}")
_PATH = re.compile(r"[\w./-]+\.\w+")
_DEFINED = re.compile(
    r"^[ \t]*(?:export\s+)?(?:async\s+)?(?:def|class|function|func|fn|interface|struct)\s+(\w+)", re.MULTILINE
)
_IMPORTED = re.compile(r"^[ \t]*(?:from\s+([\w.]+)\s+import\s+([\w, ]+)|import\s+([\w., ]+))", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scanned:
    """One text file and how likely it is to matter."""

    path: str
    text: str
    score: float


def read_likely(
    root: Path, hints: tuple[str, ...], max_bytes: int
) -> tuple[tuple[str, ...], tuple[SourceFile, ...]]:
    """All paths, sorted, and text files, most likely first, ``max_bytes`` of UTF-8 in all.

    A path in the hints counts most, then a file's or module's name, then the names it defines; a file that a
    likely one imports is likely too. What is left of the limit is filled with the other code.
    """
    tree = tuple(sorted(_paths(root)))
    hint = "\n".join(hints)
    scanned = _with_imports([file for path in tree[:_MAX_SCANNED] if (file := _scan(root, path, hint, tree))])
    chosen = sorted((file for file in scanned if file.score > 0), key=lambda file: (-file.score, file.path))
    return tree, tuple(_fit(chosen, max_bytes))


def _paths(root: Path) -> Iterator[str]:
    for folder, _, names in os.walk(root):
        inner = PurePosixPath(folder).relative_to(root)
        for name in names:
            yield str(inner / name)


def _scan(root: Path, path: str, hint: str, tree: tuple[str, ...]) -> _Scanned | None:
    suffix = PurePosixPath(path).suffix
    if suffix not in _TEXT and path not in hint:
        return None
    content = read_regular(root, path, limit=_MAX_FILE_BYTES)
    if content is None or not content.strip() or b"\0" in content:
        return None
    text = content.decode(errors="replace")
    score = _named(path, hint) + _defines(text, hint)
    if suffix in _CODE:
        score += 0.5  # code fills what room is left
    if _BORING & set(PurePosixPath(path).parts):
        score *= 0.1
    return _Scanned(
        path=path, text=text, score=score if suffix in _CODE or score >= 1 or len(tree) < 20 else 0
    )


def _named(path: str, hint: str) -> float:
    """How clearly the hints name the file."""
    pure = PurePosixPath(path)
    if any(found.lstrip("./") == path or found.endswith("/" + path) for found in _PATH.findall(hint)):
        return 100.0 + 5.0 * hint.count(path)
    score = 0.0
    if pure.name in hint:
        score += 30.0
    dotted = ".".join((*pure.parts[:-1], pure.stem))
    if len(pure.parts) > 1 and dotted in hint:
        score += 40.0
    if len(pure.stem) > 2 and re.search(rf"\b{re.escape(pure.stem)}\b", hint):
        score += 10.0
    return score


def _defines(text: str, hint: str) -> float:
    """Names that the file defines and the hints use."""
    words = set(_WORD.findall(hint))
    return min(40.0, 8.0 * len(words & set(_DEFINED.findall(text))))


def _with_imports(files: list[_Scanned]) -> list[_Scanned]:
    """A module that a likely file imports gets a share of that file's likelihood."""
    share: dict[str, float] = {}
    for file in files:
        if file.score >= 8:
            for module in _imports(file.text):
                share[module] = max(share.get(module, 0.0), 0.4 * file.score)
    return [replace(file, score=file.score + _best(share, file.path)) for file in files]


def _best(share: dict[str, float], path: str) -> float:
    return max((share.get(module, 0.0) for module in _modules(path)), default=0.0)


def _imports(text: str) -> Iterator[str]:
    for source, names, plain in _IMPORTED.findall(text):
        if source:
            yield source.lstrip(".")
            yield from (f"{source}.{name.strip()}".lstrip(".") for name in names.split(","))
        else:
            yield from (name.split(" as ")[0].strip() for name in plain.split(","))


def _modules(path: str) -> Iterator[str]:
    """The dotted names under which a Python file may be imported."""
    pure = PurePosixPath(path)
    if pure.suffix == ".py":
        parts = pure.parts[:-1] if pure.stem == "__init__" else (*pure.parts[:-1], pure.stem)
        for start in range(len(parts)):
            yield ".".join(parts[start:])


def _fit(files: list[_Scanned], max_bytes: int) -> Iterator[SourceFile]:
    left = max_bytes
    for file in files:
        encoded = file.text.encode()
        if len(encoded) <= left:
            left -= len(encoded)
            yield SourceFile(path=file.path, text=file.text)
        elif file.score >= 8 and left > 1024:
            yield SourceFile(path=file.path, text=encoded[:left].decode(errors="ignore"), truncated=True)
            left = 0
