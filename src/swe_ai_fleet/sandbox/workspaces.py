"""Copies of a repository at a commit, made from a cache of bare repositories and of unpacked trees."""

import asyncio
import hashlib
import os
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from swe_ai_fleet.domain.brief import SourceFile
from swe_ai_fleet.domain.task import RepoRef
from swe_ai_fleet.errors import InputError, SandboxError
from swe_ai_fleet.ports.record import BlobStore
from swe_ai_fleet.sandbox.files import copy_tree, remove_tree
from swe_ai_fleet.sandbox.git import NETWORK, GitResult, git
from swe_ai_fleet.sandbox.reading import read_likely

_CLONE_S = 600.0
_MAX_TREE_BYTES = 2 * 1024**3
_MAX_FILES = 200_000
_UNUSED_S = 7 * 86400.0
_ABANDONED_S = 2 * 86400.0
"""No deliberation takes more than a day, so whoever made an older copy was killed."""
_SHA256_DIGITS = 64
_NEUTRAL_ATTRIBUTES = "* -filter -text -eol -ident -crlf !working-tree-encoding\n"


class GitWorkspaces:
    """See :class:`~swe_ai_fleet.ports.checks.Workspaces`. Several processes may share one cache.

    The content is that of the commit, byte for byte: no filter, no line-end conversion, no submodule.
    """

    def __init__(self, cache: Path, *, blobs: BlobStore | None = None) -> None:
        """``cache`` is made when first used; ``blobs`` holds the bundles of hosts that cannot see a repository."""
        self._cache = cache.absolute()
        self._blobs = blobs
        self._locks: dict[str, asyncio.Lock] = {}

    @asynccontextmanager
    async def checkout(self, repo: RepoRef) -> AsyncIterator[Path]:
        """A private, writable copy; removed on leaving."""
        pristine = await self.pristine(repo)
        copy = self._cache / "work" / secrets.token_hex(8)
        copy.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(_forget_older, copy.parent, _ABANDONED_S)
        try:
            await asyncio.to_thread(copy_tree, pristine, copy)
            yield copy
        finally:
            await asyncio.to_thread(remove_tree, copy)

    async def read(
        self, repo: RepoRef, *, hints: Sequence[str], max_bytes: int
    ) -> tuple[tuple[str, ...], tuple[SourceFile, ...]]:
        """The tree's paths, and the files that the hints name; see :mod:`swe_ai_fleet.sandbox.reading`."""
        pristine = await self.pristine(repo)
        return await asyncio.to_thread(read_likely, pristine, tuple(hints), max_bytes)

    async def pristine(self, repo: RepoRef) -> Path:
        """The unpacked commit, shared by all."""
        key = hashlib.sha256(f"{repo.commit}\n{repo.prefix}".encode()).hexdigest()[:24]
        tree = self._cache / "trees" / key
        async with self._locks.setdefault(key, asyncio.Lock()):
            if not tree.is_dir():
                await self._unpack(repo, tree)
            with suppress(OSError):
                os.utime(tree)
        return tree

    async def _unpack(self, repo: RepoRef, tree: Path) -> None:
        git_dir = await self._objects(repo)
        await _require_reasonable(git_dir, repo)
        tree.parent.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(_forget_older, tree.parent, _UNUSED_S)
        coming = tree.with_name(f".{tree.name}.{secrets.token_hex(4)}")
        index = coming.with_suffix(".index")
        coming.mkdir(mode=0o755)
        env = {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(coming), "GIT_INDEX_FILE": str(index)}
        try:
            _require_done(await git("read-tree", _treeish(repo), env=env), repo)
            _require_done(await git("checkout-index", "--all", "--force", env=env, folder=coming), repo)
            with suppress(OSError):  # another process was faster
                coming.rename(tree)
        finally:
            index.unlink(missing_ok=True)
            await asyncio.to_thread(remove_tree, coming)

    async def _objects(self, repo: RepoRef) -> Path:
        """A bare repository of our own that has the commit; a folder's objects are borrowed, not copied."""
        name = hashlib.sha256(repo.url.encode()).hexdigest()[:24]
        object_format = "sha256" if len(repo.commit) == _SHA256_DIGITS else "sha1"
        git_dir = self._cache / "repositories" / f"{name}.{object_format}.git"
        if not (git_dir / "HEAD").exists():
            await _make_bare(git_dir, object_format)
        if (folder := _local(repo)) is not None:
            found = await git("rev-parse", "--git-path", "objects", folder=folder)
            _borrow(git_dir, folder / os.fsdecode(found.stdout).removesuffix("\n"))
        elif not await _has(git_dir, repo.commit):
            await self._fetch(git_dir, repo)
        if not await _has(git_dir, repo.commit):
            raise InputError(
                "repo", repo.url, f"commit {repo.commit} is not there", "Push it, or keep the folder."
            )
        return git_dir

    async def _fetch(self, git_dir: Path, repo: RepoRef) -> None:
        source = repo.url
        if repo.bundle is not None and self._blobs is not None:
            bundle = git_dir.with_suffix(f".{secrets.token_hex(4)}.bundle")
            await asyncio.to_thread(bundle.write_bytes, await self._blobs.get(repo.bundle))
            source = str(bundle)
        env = {"GIT_DIR": str(git_dir), "GIT_ALLOW_PROTOCOL": NETWORK}
        common = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
        try:
            await git(*common, "--depth=1", "--", source, repo.commit, env=env, timeout_s=_CLONE_S)
            if not await _has(git_dir, repo.commit):  # not every server gives a commit by its id
                refs = ("+HEAD:refs/fleet/head", "+refs/heads/*:refs/fleet/heads/*")
                await git(*common, "--", source, *refs, env=env, timeout_s=_CLONE_S)
        finally:
            if source != repo.url:
                await asyncio.to_thread(os.unlink, source)


async def make_bundle(repo: RepoRef, blobs: BlobStore) -> RepoRef:
    """Put the commit into the blob store, for hosts that cannot see the folder; only a folder needs that.

    Raises:
        SandboxError: git cannot bundle it.
    """
    if (folder := _local(repo)) is None:
        return repo
    found = await git(
        "rev-parse", "--absolute-git-dir", folder=folder
    )  # in a sub-folder git would write a file "-"
    where = Path(os.fsdecode(found.stdout).removesuffix("\n"))
    done = await git("bundle", "create", "--quiet", "-", "HEAD", folder=where, timeout_s=_CLONE_S)
    if done.exit_code != 0:
        raise SandboxError(f"git cannot bundle {repo.url}: {done.stderr[:200]}")
    return repo.model_copy(update={"bundle": await blobs.put(done.stdout)})


def _local(repo: RepoRef) -> Path | None:
    """The repository's folder, where this machine has it."""
    folder = Path(repo.url)
    return folder if folder.is_absolute() and folder.is_dir() else None


def _borrow(git_dir: Path, objects: Path) -> None:
    (git_dir / "objects" / "info" / "alternates").write_bytes(os.fsencode(objects.resolve()) + b"\n")


async def _make_bare(git_dir: Path, object_format: str) -> None:
    coming = git_dir.with_name(f".{git_dir.name}.{secrets.token_hex(4)}")
    try:
        git_dir.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = f"{git_dir.parent} cannot be made: {error.strerror}"
        raise SandboxError(f"FLEET_DATA_DIR: {reason}. Give a folder that you may write to.") from error
    wanted = ("--bare", "--template=", f"--object-format={object_format}")
    made = await git("init", "--quiet", *wanted, str(coming))
    if made.exit_code != 0:
        raise SandboxError(f"git cannot make {coming}: {made.stderr[:200]}")
    for name, text in (("info/attributes", _NEUTRAL_ATTRIBUTES), ("objects/info/alternates", "")):
        path = coming / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    try:
        coming.rename(git_dir)
    except OSError:  # another process was faster
        await asyncio.to_thread(remove_tree, coming)


async def _has(git_dir: Path, commit: str) -> bool:
    found = await git("cat-file", "-e", f"{commit}^{{tree}}", env={"GIT_DIR": str(git_dir)})
    return found.exit_code == 0


async def _require_reasonable(git_dir: Path, repo: RepoRef) -> None:
    """Refuse what would fill the disk."""
    found = await git("ls-tree", "-r", "-l", "-z", _treeish(repo), env={"GIT_DIR": str(git_dir)})
    _require_done(found, repo)
    sizes = [entry.split(b"\t")[0].split()[3] for entry in found.stdout.split(b"\0") if entry]
    total = sum(int(size) for size in sizes if size != b"-")
    if total > _MAX_TREE_BYTES or len(sizes) > _MAX_FILES:
        raise InputError(
            "repo",
            repo.url,
            f"the commit has {len(sizes)} files of {total} bytes",
            f"At most {_MAX_FILES} files of {_MAX_TREE_BYTES} bytes are taken; give a sub-folder.",
        )


def _treeish(repo: RepoRef) -> str:
    return f"{repo.commit}:{repo.prefix.rstrip('/')}" if repo.prefix else f"{repo.commit}^{{tree}}"


def _require_done(result: GitResult, repo: RepoRef) -> None:
    if result.exit_code != 0:
        raise InputError(
            "repo",
            repo.url,
            f"git cannot unpack {repo.commit}: {result.stderr[:200]}",
            "Check it with `git fsck`.",
        )


def _forget_older(folder: Path, age_s: float) -> None:
    """Remove what lies in ``folder`` and has not been touched for so long."""
    for tree in folder.iterdir():
        with suppress(OSError):
            if time.time() - tree.lstat().st_mtime > age_s:
                remove_tree(tree)
