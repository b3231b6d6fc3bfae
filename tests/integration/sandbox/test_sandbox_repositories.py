"""Repositories: fixed to a commit, copied without harm, read for what a task names."""

import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
from sandboxes import git, make_repository, reference, write_tree

from swe_ai_fleet.domain.task import RepoRef
from swe_ai_fleet.errors import InputError, RecordNotFoundError, SandboxError
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces, make_bundle

FILES: dict[str, str | bytes] = {
    "README.md": "About stock.\n",
    "shop/stock.py": "from shop import units\n\n\ndef reorder(level):\n    return units.pack(level)\n",
    "shop/units.py": "def pack(number):\n    return number\n",
    "shop/other.py": "def unrelated():\n    return 0\n",
    "shop/__init__.py": "",
    "data.bin": b"\0\1\2",
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make_repository(tmp_path / "repository", FILES)


@pytest.fixture
def workspaces(tmp_path: Path) -> GitWorkspaces:
    return GitWorkspaces(tmp_path / "cache")


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
        assert (copy / "shop/units.py").read_text() == FILES["shop/units.py"]
        assert not (copy / ".git").exists()


async def test_a_repository_of_sha256_is_read_like_any_other(
    repository: Path, workspaces: GitWorkspaces, tmp_path: Path
) -> None:
    newer = make_repository(tmp_path / "newer", FILES, object_format="sha256")
    bundled = await make_bundle(await resolve_repo("newer", relative_to=tmp_path), blobs := Blobs())
    in_use = await asyncio.to_thread(newer.rename, tmp_path / "moved")
    elsewhere = GitWorkspaces(tmp_path / "elsewhere", blobs=blobs)

    for text in (str(in_use), f"file://{in_use}", str(repository)):
        async with workspaces.checkout(await resolve_repo(text, relative_to=tmp_path)) as copy:
            assert (copy / "shop/units.py").read_text() == FILES["shop/units.py"]
    async with elsewhere.checkout(bundled) as copy:
        assert (copy / "shop/units.py").read_text() == FILES["shop/units.py"]


async def test_a_folder_keeps_its_place_when_its_kind_of_repository_changes(
    repository: Path, workspaces: GitWorkspaces
) -> None:
    async with workspaces.checkout(await resolve_repo(".", relative_to=repository)):
        pass
    await asyncio.to_thread(shutil.rmtree, repository)
    make_repository(repository, FILES, object_format="sha256")

    async with workspaces.checkout(await resolve_repo(".", relative_to=repository)) as copy:
        assert (copy / "README.md").read_text() == FILES["README.md"]


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
        assert (copy / "README.md").read_text() == FILES["README.md"]
    assert (await make_bundle(linked, Blobs())).bundle is not None


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

    assert tree == tuple(sorted(FILES))
    assert [file.path for file in files][:2] == ["shop/stock.py", "shop/units.py"]
    assert "data.bin" not in [file.path for file in files]
    assert files[0].text == FILES["shop/stock.py"]


async def test_what_is_read_is_capped(repository: Path, workspaces: GitWorkspaces) -> None:
    (repository / "shop/stock.py").write_text("def reorder():\n" + "    pass\n" * 9999)
    git(repository, "commit", "-q", "-a", "-m", "long")
    repo = await resolve_repo(".", relative_to=repository)

    _, files = await workspaces.read(repo, hints=["shop/stock.py"], max_bytes=5000)

    assert files[0].truncated
    assert sum(len(file.text.encode()) for file in files) <= 5000


class Blobs:
    """Blobs in memory, for a host that cannot see the folder."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    async def put(self, content: bytes) -> str:
        self._blobs["a" * 64] = content
        return "a" * 64

    async def get(self, sha256: str) -> bytes:
        if sha256 not in self._blobs:
            raise RecordNotFoundError(sha256)
        return self._blobs[sha256]


async def test_a_bundle_stands_in_for_a_folder_that_cannot_be_seen(repository: Path, tmp_path: Path) -> None:
    blobs = Blobs()
    repo = await make_bundle(await resolve_repo("shop", relative_to=repository), blobs)
    await asyncio.to_thread(repository.rename, tmp_path / "away")

    async with GitWorkspaces(tmp_path / "elsewhere", blobs=blobs).checkout(repo) as copy:
        assert (copy / "units.py").read_text() == FILES["shop/units.py"]
