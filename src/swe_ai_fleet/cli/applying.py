"""A winning patch and the user's work tree. Paths in a patch are relative to the task's folder."""

import shlex
import subprocess
from pathlib import Path

from swe_ai_fleet.errors import InputError


def apply_line(folder: Path, patch: str) -> str:
    """What a user types to apply ``patch``, a shell word or a pipe's end, to the repository in ``folder``."""
    return shlex.join(_apply_words(folder)) + (f" {patch}" if patch else "")


def apply_patch(patch: str, folder: Path) -> None:
    """Change the work tree of ``folder`` as the patch says; nothing is committed.

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
        raise InputError("--apply", str(folder), problem, "Apply winner.patch of --out by hand.") from error


def _apply_words(folder: Path) -> list[str]:
    """Below the top of its work tree git wants to be told the folder; without it, it silently changes nothing."""
    asked = ["git", "-C", str(folder), "rev-parse", "--show-toplevel", "--show-prefix"]
    found = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()
    top, prefix = (found[0], found[1]) if len(found) == 2 else (str(folder), "")
    return ["git", "-C", top, "apply", *([f"--directory={prefix.rstrip('/')}"] if prefix else [])]
