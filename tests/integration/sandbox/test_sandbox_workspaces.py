"""Copies of a repository, what is read of it, and bundles."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from sandboxes import SHOP_FILES, Blobs, git, make_repository, reference, write_tree

from swe_ai_fleet.domain.task import RepoRef
from swe_ai_fleet.errors import InputError, SandboxError
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces, make_bundle


async def test_copies_are_private_and_go(repository: Path, workspaces: GitWorkspaces) -> None:
    repo = await resolve_repo(".", relative_to=repository)

    async with workspaces.checkout(repo) as first, workspaces.checkout(repo) as second:
        (first / "README.md").write_text("mine")
        (first / "shop").chmod(0)
        assert (second / "README.md").read_text() == "About stock.\n"

    assert not first.exists()
    assert not second.exists()
    async with workspaces.checkout(repo) as third:
        assert (third / "README.md").read_text() == "About stock.\n"


async def test_a_copy_whose_owner_was_killed_goes_after_two_days(
    repository: Path, workspaces: GitWorkspaces
) -> None:
    repo = await resolve_repo(".", relative_to=repository)
    async with workspaces.checkout(repo) as long_at_work:
        left, young = (write_tree(long_at_work.parent / name, {"a/b.py": ""}) for name in ("left", "young"))
        for folder, hours in ((left, 49), (young, 47), (long_at_work, 25)):
            then = time.time() - hours * 3600
            os.utime(folder, (then, then))

        async with workspaces.checkout(repo):
            assert not left.exists()
            assert young.exists()
            assert (long_at_work / "README.md").exists()


async def test_the_content_is_the_commits_byte_for_byte(tmp_path: Path, workspaces: GitWorkspaces) -> None:
    mark = tmp_path / "executed"
    repository = make_repository(
        tmp_path / "hostile",
        {
            "a.txt": b"one\r\ntwo",
            "b.sh": "#!/bin/sh\n",
            "hidden/c.txt": "kept $Format:%H$\n",
            ".gitattributes": "*.txt eol=crlf filter=evil export-subst\nhidden export-ignore\n",
        },
    )
    (repository / "b.sh").chmod(0o755)
    (repository / "out").symlink_to("/etc")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "more")
    for kind in ("smudge", "clean"):
        git(repository, "config", f"filter.evil.{kind}", f"touch {mark}; cat")
    hook = repository / ".git/hooks/post-checkout"
    hook.write_text(f"#!/bin/sh\ntouch {mark}\n")
    hook.chmod(0o755)
    git(repository, "config", "core.fsmonitor", f"touch {mark}")
    committed = git(repository, "cat-file", "blob", "HEAD:a.txt")
    mark.unlink(missing_ok=True)

    repo = RepoRef(url=str(repository), commit=git(repository, "rev-parse", "HEAD").strip())
    mark.unlink(missing_ok=True)
    async with workspaces.checkout(repo) as copy:
        assert (copy / "a.txt").read_bytes() == committed.encode()
        assert (copy / "hidden/c.txt").read_text() == "kept $Format:%H$\n"
        assert (copy / "b.sh").stat().st_mode & 0o777 == 0o755
        assert (copy / "out").is_symlink()

    assert not mark.exists()


async def test_a_cache_that_cannot_be_made_is_named(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(SandboxError, match=r"FLEET_DATA_DIR: .*/file/repositories cannot be made: Not a dir"):
        async with GitWorkspaces(tmp_path / "file").checkout(reference(repository)):
            pass


async def test_a_commit_that_is_not_there_is_bad_input(repository: Path, workspaces: GitWorkspaces) -> None:
    repo = RepoRef(url=str(repository), commit="0" * 40)

    with pytest.raises(InputError, match="is not there"):
        async with workspaces.checkout(repo):
            pass


async def test_files_are_read_in_the_order_in_which_they_matter(
    repository: Path, workspaces: GitWorkspaces
) -> None:
    repo = await resolve_repo(".", relative_to=repository)
    hints = ["reorder() is wrong", 'File "shop/stock.py", line 5, in reorder']

    tree, files = await workspaces.read(repo, hints=hints, max_bytes=10_000)

    assert tree == tuple(sorted(SHOP_FILES))
    assert [file.path for file in files][:2] == ["shop/stock.py", "shop/units.py"]
    assert "data.bin" not in [file.path for file in files]
    assert files[0].text == SHOP_FILES["shop/stock.py"]


async def test_what_is_read_is_capped(repository: Path, workspaces: GitWorkspaces) -> None:
    (repository / "shop/stock.py").write_text("def reorder():\n" + "    pass\n" * 9999)
    git(repository, "commit", "-q", "-a", "-m", "long")
    repo = await resolve_repo(".", relative_to=repository)

    _, files = await workspaces.read(repo, hints=["shop/stock.py"], max_bytes=5000)

    assert files[0].truncated
    assert sum(len(file.text.encode()) for file in files) <= 5000


async def test_a_bundle_stands_in_for_a_folder_that_cannot_be_seen(repository: Path, tmp_path: Path) -> None:
    blobs = Blobs()
    repo = await make_bundle(await resolve_repo("shop", relative_to=repository), blobs)
    await asyncio.to_thread(repository.rename, tmp_path / "away")

    async with GitWorkspaces(tmp_path / "elsewhere", blobs=blobs).checkout(repo) as copy:
        assert (copy / "units.py").read_text() == SHOP_FILES["shop/units.py"]
