"""A winning patch and the user's work tree. Paths in a patch are relative to the task's folder."""

import os
import shlex
import subprocess
from pathlib import Path

from swe_ai_fleet.errors import InputError


def apply_line(folder: Path, patch: Path | None) -> str:
    """What a user types to apply a patch, or with None what stands behind a pipe, to the repository in ``folder``."""
    git, change, top, *words = _apply_words(folder)
    if patch is not None:
        words.append(os.path.relpath(patch, top))  # git looks for it from where -C leads
    return shlex.join([git, change, shown_path(Path(top)), *words])


def shown_path(path: Path) -> str:
    """The path as the user would type it: below the present folder without what leads there."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def is_work_tree(folder: Path) -> bool:
    """Whether there are files to change, as there are none in a bare repository."""
    asked = ["git", "-C", str(folder), "rev-parse", "--is-inside-work-tree"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "true"


def apply_patch(patch: str, folder: Path, *, printed_by: str) -> None:
    """Change the work tree of ``folder`` as the patch says; nothing is committed.

    Args:
        patch: paths in it are relative to ``folder``.
        folder: a work tree, or a folder inside one.
        printed_by: the command that prints the patch, for whoever has to apply it by hand.

    Raises:
        InputError: git does not take it; nothing is changed then.
    """
    try:
        subprocess.run(
            [*_apply_words(folder), "--whitespace=nowarn", "-"],
            input=patch.encode(errors="replace"),
            capture_output=True,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        problem = f"git apply says: {said}"
        way_out = f"`{printed_by}` prints the patch, to be applied by hand."
        raise InputError("--apply", str(folder), problem, way_out) from error


def _apply_words(folder: Path) -> list[str]:
    """Below the top of its work tree git wants to be told the folder; without it, it silently changes nothing."""
    asked = ["git", "-C", str(folder), "rev-parse", "--show-toplevel", "--show-prefix"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()
    top, prefix = (found[0], found[1]) if len(found) == 2 else (str(folder), "")
    return ["git", "-C", top, "apply", *([f"--directory={prefix.rstrip('/')}"] if prefix else [])]
