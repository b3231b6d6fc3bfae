"""From what a task says of its repository to one commit of it."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest
from sandboxes import SHOP_FILES, Blobs, git, make_repository, write_tree

from swe_ai_fleet.domain.task import RepoRef
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces, make_bundle


async def test_a_work_tree_is_fixed_to_its_head(repository: Path) -> None:
    repo = await resolve_repo("repository", relative_to=repository.parent)

    assert repo == RepoRef(url=str(repository), commit=git(repository, "rev-parse", "HEAD").strip())


async def test_a_folder_inside_a_work_tree_is_the_root_of_its_own(
    repository: Path, workspaces: GitWorkspaces
) -> None:
    (repository / "README.md").write_text("changed outside the folder")

    repo = await resolve_repo("shop", relative_to=repository)

    assert (repo.url, repo.prefix) == (str(repository / "shop"), "shop/")
    async with workspaces.checkout(repo) as copy:
        assert sorted(path.name for path in copy.iterdir()) == [
            "__init__.py",
            "other.py",
            "stock.py",
            "units.py",
        ]


@pytest.mark.parametrize("name", ["new.py", "shop/units.py"])
async def test_uncommitted_changes_are_refused_by_name(name: str, repository: Path) -> None:
    (repository / name).write_text("changed")

    with pytest.raises(InputError, match=f"repo: it has uncommitted changes: {name}"):
        await resolve_repo(".", relative_to=repository)


async def test_ignored_files_do_not_matter(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.log\n")
    git(repository, "add", "-A")
    git(repository, "commit", "-q", "-m", "ignore")
    (repository / "run.log").write_text("x")

    repo = await resolve_repo(".", relative_to=repository)

    assert repo.prefix == ""


@pytest.mark.parametrize("how", ["default", "xdg", "global", "included", "local"])
async def test_what_the_users_own_git_ignores_does_not_matter(
    how: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    files = {
        "default": {".config/git/ignore": ".DS_Store\n"},
        "xdg": {"xdg/git/ignore": ".DS_Store\n", ".config/git/ignore": "*\n"},
        "global": {".gitconfig": "[core]\nexcludesFile = ~/own\n", "own": ".DS_Store\n"},
        "included": {
            ".gitconfig": "[include]\npath = more\n",
            "more": "[core]\nexcludesFile = ~/own\n",
            "own": ".DS_Store\n",
        },
        "local": {".config/git/ignore": "*\n", "own": ".DS_Store\n"},
    }
    write_tree(home, files[how])
    if how == "xdg":
        monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    if how == "local":
        git(repository, "config", "core.excludesFile", str(home / "own"))
    (repository / ".DS_Store").write_text("x")

    await resolve_repo(".", relative_to=repository)
    (repository / "new.py").write_text("x = 1\n")
    with pytest.raises(InputError, match=r"uncommitted changes: new\.py"):
        await resolve_repo(".", relative_to=repository)


async def test_nothing_else_of_the_users_configuration_counts(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    mark = tmp_path / "executed"
    evil = f'[core]\nfsmonitor = touch {mark}\n[filter "evil"]\nclean = touch {mark}; cat\n'
    write_tree(tmp_path / "home", {".gitconfig": evil, ".config/git/attributes": "* filter=evil\n"})
    (repository / "README.md").touch()

    await resolve_repo(".", relative_to=repository)

    assert not mark.exists()


async def test_what_is_no_repository_is_bad_input(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    git(empty, "init", "-q")
    (tmp_path / "plain").mkdir()

    for text, problem in (
        ("missing", "there is no such folder"),
        ("plain", "it is not a git repository"),
        ("empty", "it has no commit yet"),
        ("empty/.git", "git folder"),
        ("ftp://example.invalid/x", "git URLs of ftp are not taken"),
        ("https://me:pw@example.invalid/x", "the URL carries a secret"),
        ("https://pw@example.invalid/x", "the URL carries a secret"),
        ("http://pw@127.0.0.1:1/x", "the URL carries a secret"),
        ("https://pw:@example.invalid/x", "the URL carries a secret"),
        ("https://example.invalid/x?private_token=pw", "the URL carries a secret"),
        ("https://example.invalid/x#pw", "the URL carries a secret"),
        ("ssh://git:pw@example.invalid/x", "the URL carries a secret"),
        ("ftp://me:pw@example.invalid/x", "git URLs of ftp are not taken"),
        ("http://[::1/x.git", "it is no URL"),
        ("~nosuchuser/repo", "it cannot be looked for"),
        ("a\0b", "it cannot be looked for"),
        ("x" * 5000, "it cannot be looked for"),
        ("ssh://git@127.0.0.1:1/x", "git cannot read it"),
        ("git@127.0.0.1:missing/x", "git cannot read it"),
        (f"file://{tmp_path}/missing", "git cannot read it"),
    ):
        with pytest.raises(InputError, match=problem) as caught:
            await resolve_repo(text, relative_to=tmp_path)
        assert caught.value.field == "repo"
        assert "pw" not in str(caught.value)


async def test_a_url_is_cloned_by_commit(repository: Path, workspaces: GitWorkspaces) -> None:
    repo = await resolve_repo(f"file://{repository}", relative_to=repository)

    async with workspaces.checkout(repo) as copy:
        assert (copy / "shop/units.py").read_text() == SHOP_FILES["shop/units.py"]
        assert not (copy / ".git").exists()


async def test_a_repository_of_sha256_is_read_like_any_other(
    repository: Path, workspaces: GitWorkspaces, tmp_path: Path
) -> None:
    newer = make_repository(tmp_path / "newer", SHOP_FILES, object_format="sha256")
    bundled = await make_bundle(await resolve_repo("newer", relative_to=tmp_path), blobs := Blobs())
    in_use = await asyncio.to_thread(newer.rename, tmp_path / "moved")
    elsewhere = GitWorkspaces(tmp_path / "elsewhere", blobs=blobs)

    for text in (str(in_use), f"file://{in_use}", str(repository)):
        async with workspaces.checkout(await resolve_repo(text, relative_to=tmp_path)) as copy:
            assert (copy / "shop/units.py").read_text() == SHOP_FILES["shop/units.py"]
    async with elsewhere.checkout(bundled) as copy:
        assert (copy / "shop/units.py").read_text() == SHOP_FILES["shop/units.py"]


async def test_a_folder_keeps_its_place_when_its_kind_of_repository_changes(
    repository: Path, workspaces: GitWorkspaces
) -> None:
    async with workspaces.checkout(await resolve_repo(".", relative_to=repository)):
        pass
    await asyncio.to_thread(shutil.rmtree, repository)
    make_repository(repository, SHOP_FILES, object_format="sha256")

    async with workspaces.checkout(await resolve_repo(".", relative_to=repository)) as copy:
        assert (copy / "README.md").read_text() == SHOP_FILES["README.md"]


@pytest.mark.skipif(sys.platform == "darwin", reason="its file system takes no such names")
async def test_a_path_that_is_not_utf8_is_refused_but_may_lead_to_the_objects(
    repository: Path, workspaces: GitWorkspaces, tmp_path: Path
) -> None:
    odd = await asyncio.to_thread(repository.rename, tmp_path / os.fsdecode(b"caf\xe9"))
    git(odd, "worktree", "add", "-q", "../linked")

    for text, relative_to in ((odd.name, tmp_path), (".", odd), ("shop", odd)):
        with pytest.raises(InputError, match="repo: its path is not UTF-8"):
            await resolve_repo(text, relative_to=relative_to)
    linked = await resolve_repo("linked", relative_to=tmp_path)
    async with workspaces.checkout(linked) as copy:
        assert (copy / "README.md").read_text() == SHOP_FILES["README.md"]
    assert (await make_bundle(linked, Blobs())).bundle is not None
