"""From what a task says of its repository to one commit of it."""

import os
import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit, urlunsplit

from swe_ai_fleet.domain.address import shown_address
from swe_ai_fleet.domain.task import RepoRef
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.sandbox.git import NETWORK, filters_of, git, ignoring

_SCHEMES = ("file", "git", "http", "https", "ssh")
_WEB = ("http", "https")
"""Where a token may stand as the user, in the query or behind it; the user of ssh is no secret."""
_SCP_LIKE = re.compile(r"^[\w.-]+@[\w.-]+:[^:]")
_CLONE_S = 120.0
_NAMED = 3
_OUTSIDE = Path("/")
"""In no repository, so that the one we stand in says nothing about a URL."""


async def resolve_repo(text: str, *, relative_to: Path) -> RepoRef:
    """Fix a repository to the commit at its HEAD.

    Args:
        text: a folder (the top of a work tree, a folder inside one, or a bare repository), or a git URL.
        relative_to: where a relative folder starts.

    Raises:
        InputError: it is no repository, has no commit, or has changes that are not committed.
        SandboxError: git is missing or takes too long.
    """
    if "://" in text or _SCP_LIKE.match(text):
        return await _resolve_url(text)
    folder = _existing(text, relative_to)
    asked = ("rev-parse", "--is-inside-work-tree", "--is-bare-repository", "--show-prefix")
    found = await git(*asked, folder=folder)
    if found.exit_code != 0:
        raise InputError(
            "repo",
            text,
            "it is not a git repository",
            "Run `git init && git add -A && git commit` in it first.",
        )
    inside, bare, *prefix = os.fsdecode(found.stdout).splitlines()
    if inside != "true" and bare != "true":
        raise InputError("repo", text, "it lies inside a .git folder", "Give the work tree.")
    commit = await _head(folder, text)
    if inside == "true":
        await _require_clean(folder, text)
    return RepoRef(url=str(folder), commit=commit, prefix=prefix[0] if prefix else "")


def _existing(text: str, relative_to: Path) -> Path:
    way_out = "Give a folder of a git work tree or a git URL."
    try:
        folder = (relative_to / Path(text).expanduser()).resolve()
        is_there = folder.is_dir()
    except (OSError, RuntimeError, ValueError) as error:  # such as a name too long, or nobody of that name
        problem = f"it cannot be looked for: {getattr(error, 'strerror', None) or error}"
        raise InputError("repo", text, problem, way_out) from error
    if not is_there:
        raise InputError("repo", text, "there is no such folder", way_out)
    require_utf8(str(folder), "repo", text)
    return folder


def require_utf8(path: str, field: str, text: str) -> None:
    """The path goes on the record, which holds text.

    Raises:
        InputError: of ``field``, which was given as ``text``.
    """
    try:
        path.encode()
    except UnicodeEncodeError as error:
        way_out = "Rename the folder, or clone it elsewhere."
        raise InputError(field, text, "its path is not UTF-8", way_out) from error


async def _head(folder: Path, text: str) -> str:
    found = await git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", folder=folder)
    if found.exit_code != 0:
        raise InputError("repo", text, "it has no commit yet", "Commit the code that the task is about.")
    return found.stdout.decode().strip()


async def _require_clean(folder: Path, text: str) -> None:
    """Only what lies in ``folder`` counts: patches cannot reach anything else."""
    asked = ("status", "--porcelain=v1", "-z", "--untracked-files=all", "--ignore-submodules=all", "--", ".")
    found = await git(
        *asked, folder=folder, settings=await ignoring(folder), filters=await filters_of(folder)
    )
    if found.exit_code != 0:
        raise InputError("repo", text, f"git cannot read it: {found.stderr[:200]}", "Run `git status` in it.")
    changed = [entry[3:] for entry in found.stdout.decode(errors="replace").split("\0") if entry[2:3] == " "]
    if changed:
        rest = f" and {len(changed) - _NAMED} more" if len(changed) > _NAMED else ""
        problem = f"it has uncommitted changes: {', '.join(changed[:_NAMED])}{rest}"
        raise InputError(
            "repo", text, problem, "Commit, ignore or stash them; patches are made against a commit."
        )


async def _resolve_url(url: str) -> RepoRef:
    _require_plain(url)
    env = {"GIT_ALLOW_PROTOCOL": NETWORK}
    asked = ("ls-remote", "--", url, "HEAD")
    found = await git(*asked, folder=_OUTSIDE, env=env, timeout_s=_CLONE_S)
    words = found.stdout.decode(errors="replace").split()
    if found.exit_code != 0 or not words:
        problem = found.stderr.splitlines()[-1][:200] if found.stderr else "it has no HEAD"
        raise InputError(
            "repo", url, f"git cannot read it: {problem}", "Check the address and your access to it."
        )
    return RepoRef(url=url, commit=words[0])


def _require_plain(url: str) -> None:
    """The address goes on the record, so it must not carry a secret."""
    if "://" not in url:
        return
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise InputError(
            "repo", shown_address(url), f"it is no URL: {error}", "Check the address."
        ) from error
    shown = _without_secrets(parts)
    if parts.scheme not in _SCHEMES:
        raise InputError(
            "repo", shown, f"git URLs of {parts.scheme} are not taken", f"Use {', '.join(_SCHEMES)}."
        )
    is_token = parts.scheme in _WEB and (parts.username is not None or parts.query or parts.fragment)
    if is_token or parts.password is not None:
        raise InputError(
            "repo", shown, "the URL carries a secret", "Use ssh, or clone it and give the folder."
        )


def _without_secrets(parts: SplitResult) -> str:
    _, at, host = parts.netloc.rpartition("@")
    hidden = {key: "***" for key in ("query", "fragment") if getattr(parts, key)}
    return urlunsplit(parts._replace(netloc=f"***@{host}" if at else host, **hidden))
