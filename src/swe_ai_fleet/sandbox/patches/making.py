"""From a proposal's text and the task's commit to one patch."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from swe_ai_fleet.errors import PatchError
from swe_ai_fleet.sandbox.files import read_regular
from swe_ai_fleet.sandbox.patches.applying import apply_hunks, new_text
from swe_ai_fleet.sandbox.patches.blocks import has_blocks, parse_blocks
from swe_ai_fleet.sandbox.patches.edits import Change, Edit, Remove, Replace
from swe_ai_fleet.sandbox.patches.fences import fences, whole_files
from swe_ai_fleet.sandbox.patches.keys import parses, patch_key
from swe_ai_fleet.sandbox.patches.text import in_the_style_of
from swe_ai_fleet.sandbox.patches.unified import is_unified, parse_unified
from swe_ai_fleet.sandbox.patches.writing import ChangedFile, write_patch

_MAX_CONTENT_BYTES = 4 * 1024**2
_MAX_FILE_BYTES = 16 * 1024**2
_MODES = ("100644", "100755")
_WHY_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Patch:
    """One patch against the task's commit."""

    text: str
    """As ``git apply`` takes it."""
    key: str
    """See :func:`~swe_ai_fleet.sandbox.patches.keys.patch_key`."""
    files: tuple[ChangedFile, ...]
    """Only what really changes, sorted by path."""
    parses: bool


def make_patch(content: str, tree: Path) -> Patch:
    """Turn a proposal into one patch.

    Args:
        content: a unified diff, search/replace blocks, or whole files in fences with their path; prose around
            them is passed over.
        tree: the files of the task's commit; it is only read, and links in it are never followed.

    Raises:
        PatchError: there is no edit in it, an edit has no place, or a path leads out of the tree; the message
            says which and why.
    """
    if len(content) > _MAX_CONTENT_BYTES:
        raise PatchError(f"the proposal has more than {_MAX_CONTENT_BYTES} characters")
    try:
        content.encode()
        return _made(content, tree)
    except (ValueError, OSError, IndexError, RecursionError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)[:_WHY_CHARS]
        raise PatchError(f"it cannot be read as a patch: {why}") from error


def _made(content: str, tree: Path) -> Patch:
    draft = _Draft(tree)
    for edit in find_edits(content):
        draft.apply(edit)
    files = draft.changed()
    if not files:
        raise PatchError("the proposal changes nothing")
    return Patch(text=write_patch(files), key=patch_key(files), files=files, parses=parses(files))


def find_edits(content: str) -> Sequence[Edit]:
    """The edits that a proposal consists of.

    Raises:
        PatchError: there are none, or they cannot be read.
    """
    edits: Sequence[Edit] = ()
    if has_blocks(content):
        edits = parse_blocks(content)
    else:
        fenced = [fence.text for fence in fences(content) if is_unified(fence.text)]
        diff = "\n".join(fenced) if fenced else content
        edits = parse_unified(diff) if is_unified(diff) else whole_files(content)
    if not edits:
        raise PatchError(
            "there is no edit in it: neither a unified diff, nor search/replace blocks, nor whole files in "
            "fences that name their path"
        )
    return edits


class _Draft:
    """The tree with the edits so far, in memory."""

    def __init__(self, tree: Path) -> None:
        self._tree = tree
        self._old: dict[str, str | None] = {}
        self._new: dict[str, str | None] = {}
        self._modes: dict[str, str] = {}

    def apply(self, edit: Edit) -> None:
        match edit:
            case Replace(path=path, text=text):
                old = self._text(path)
                self._new[_safe(path)] = text if old is None else in_the_style_of(text, old)
            case Remove(path=path):
                if self._text(path) is None:
                    raise PatchError(f"{path}: it is to be deleted, but it is not there")
                self._new[_safe(path)] = None
            case Change():
                self._change(edit)

    def _change(self, edit: Change) -> None:
        edit = edit if edit.path else replace(edit, path=self._only_home(edit))
        path = _safe(edit.path)
        if edit.mode is not None:
            if edit.mode not in _MODES:
                raise PatchError(f"{path}: mode {edit.mode} is neither a plain file nor an executable one")
            self._modes[path] = edit.mode
        source = self._text(edit.moved_from or path)
        if edit.moved_from is not None and source is not None:
            self._new[_safe(edit.moved_from)] = None
        if source is not None:
            self._new[path] = apply_hunks(source, edit.hunks)
        elif any(line.text.strip() for hunk in edit.hunks for line in hunk.lines if line.tag != "+"):
            raise PatchError(f"{edit.hunks[0].label}: there is no file {edit.moved_from or path}")
        elif edit.moved_from is not None or not (edit.hunks or edit.mode):
            raise PatchError(
                f"{path}: there is no file {edit.moved_from or path}, and nothing that makes one"
            )
        else:
            self._new[path] = "".join(new_text(hunk) for hunk in edit.hunks)

    def _only_home(self, edit: Change) -> str:
        """The one file that holds the old text of a block without a path."""
        if not edit.hunks:
            raise PatchError("a change names no file and has no hunk")
        hunk = edit.hunks[0]
        wanted = "\n".join(hunk.old)
        if not wanted.strip():
            raise PatchError(f"{hunk.label}: it names no file and has no old text")
        homes = [path for path in self._paths() if wanted in (self._readable(path) or "")]
        if len(homes) != 1:
            where = f"in {', '.join(homes[:5])}" if homes else "in no file"
            raise PatchError(f"{hunk.label}: it names no file, and its old text is {where}")
        return homes[0]

    def _paths(self) -> list[str]:
        found = {
            str(p.relative_to(self._tree))
            for p in self._tree.rglob("*")
            if p.is_file() and not p.is_symlink()
        }
        return sorted(found | set(self._new))

    def _readable(self, path: str) -> str | None:
        try:
            return self._text(path)
        except PatchError:
            return None

    def _text(self, path: str) -> str | None:
        """The file as it is now, None where it is not there."""
        path = _safe(path)
        if path in self._new:
            return self._new[path]
        if path not in self._old:
            self._old[path] = self._read(path)
        return self._old[path]

    def _read(self, path: str) -> str | None:
        self._refuse_links(path)
        content = read_regular(self._tree, path, limit=_MAX_FILE_BYTES + 1)
        if content is None:
            if (self._tree / path).is_dir():
                raise PatchError(f"{path}: it is a folder")
            return None
        if len(content) > _MAX_FILE_BYTES:
            raise PatchError(f"{path}: it has more than {_MAX_FILE_BYTES} bytes")
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise PatchError(f"{path}: it is not UTF-8 text (byte {error.start})") from error

    def _refuse_links(self, path: str) -> None:
        where = self._tree
        for part in path.split("/"):
            where /= part
            if where.is_symlink():
                raise PatchError(f"{path}: it leads through a symbolic link")
            if (
                where.is_file()
                and part is not path.rpartition("/")[2]
                and str(where) != str(self._tree / path)
            ):
                raise PatchError(f"{path}: {where.name} is a file, not a folder")

    def changed(self) -> tuple[ChangedFile, ...]:
        """What differs from the tree.

        Raises:
            PatchError: a new file lies in what is a file itself.
        """
        made = {path for path, new in self._new.items() if new is not None}
        for path in sorted(made):
            for above in map(str, PurePosixPath(path).parents):
                if above in made:
                    raise PatchError(f"{path}: {above} is a file, not a folder")
        files: list[ChangedFile] = []
        for path, new in sorted(self._new.items()):
            old = self._old[path] if path in self._old else self._read(path)
            old_mode = self._mode(path) if old is not None else _MODES[0]
            new_mode = self._modes.get(path, old_mode)
            if old != new or old_mode != new_mode:
                files.append(ChangedFile(path=path, old=old, new=new, old_mode=old_mode, new_mode=new_mode))
        return tuple(files)

    def _mode(self, path: str) -> str:
        return _MODES[bool((self._tree / path).lstat().st_mode & 0o100)]


def _safe(path: str) -> str:
    """The path in its plain form.

    Raises:
        PatchError: it leads out of the tree, or into git's own folder.
    """
    parts = path.removeprefix("./").split("/")
    if not path or path.startswith(("/", "~")) or "\\" in path or ".." in parts:
        raise PatchError(f"{path!r}: a path must stay inside the repository")
    if any(not part.isprintable() or part in ("", ".") for part in parts):
        raise PatchError(f"{path!r}: it is not a plain path")
    if any(part.lower().rstrip(". ") == ".git" for part in parts):
        raise PatchError(f"{path!r}: git's own folder is not to be touched")
    return "/".join(parts)
