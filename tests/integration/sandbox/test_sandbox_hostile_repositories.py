"""Repositories whose configuration names commands: looking at one runs none of them."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sandboxes import git, make_repository

from swe_ai_fleet.messaging.in_memory import open_in_memory_record
from swe_ai_fleet.sandbox.repositories import resolve_repo
from swe_ai_fleet.sandbox.workspaces import GitWorkspaces, make_bundle


def touching(mark: Path) -> str:
    """A command of a hostile configuration."""
    return f"touch {mark}; cat"


def filter_in_an_included_file(repository: Path, mark: Path) -> None:
    git(repository, "config", "--file", ".git/more", "filter.x.clean", touching(mark))
    git(repository, "config", "include.path", "more")


def filter_of_the_work_tree(repository: Path, mark: Path) -> None:
    git(repository, "config", "extensions.worktreeConfig", "true")
    git(repository, "config", "--worktree", "filter.x.clean", touching(mark))


def filter_with_an_equals_sign(repository: Path, mark: Path) -> None:
    git(repository, "config", "filter.a=b.clean", touching(mark))


def filter_as_a_process(repository: Path, mark: Path) -> None:
    git(repository, "config", "filter.x.process", touching(mark))
    git(repository, "config", "filter.x.required", "true")


def commands_of_all_kinds(repository: Path, mark: Path) -> None:
    for key in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.gitProxy", "core.askPass"),
        *("core.alternateRefsCommand", "diff.external", "diff.x.textconv", "diff.x.command", "gpg.program"),
        *("credential.helper", "uploadpack.packObjectsHook", "remote.origin.uploadpack"),
    ):
        git(repository, "config", key, touching(mark))
    for key in ("alias.status", "submodule.x.update"):
        git(repository, "config", key, f"!{touching(mark)}")
    hooks = repository / ".git/evil"
    hooks.mkdir()
    for name in ("post-index-change", "pre-auto-gc", "fsmonitor-watchman", "reference-transaction"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {mark}\n")
        (hooks / name).chmod(0o755)
    git(repository, "config", "core.hooksPath", str(hooks))


HOSTILE = (
    filter_in_an_included_file,
    filter_of_the_work_tree,
    filter_with_an_equals_sign,
    filter_as_a_process,
    commands_of_all_kinds,
)


@pytest.mark.parametrize("make_hostile", HOSTILE)
async def test_no_command_of_a_repositorys_configuration_is_run(
    make_hostile: Callable[[Path, Path], None], tmp_path: Path
) -> None:
    attributes = "a.txt filter=x diff=x\nb.txt filter=a=b\n"
    files: dict[str, str | bytes] = {"a.txt": "one\n", "b.txt": "two\n", ".gitattributes": attributes}
    repository, mark = make_repository(tmp_path / "hostile", files), tmp_path / "executed"
    make_hostile(repository, mark)
    for name in files:
        os.utime(repository / name, (1, 1))  # so that git compares the content

    repo = await resolve_repo(".", relative_to=repository)
    async with open_in_memory_record() as record:
        await make_bundle(repo, record.blobs)
    async with GitWorkspaces(tmp_path / "cache").checkout(repo) as copy:
        assert (copy / "a.txt").read_text() == "one\n"

    assert not mark.exists()


async def test_the_repository_that_we_stand_in_says_nothing_about_a_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = make_repository(tmp_path / "asked", {"a.txt": ""})
    url, mark = f"file://{repository}", tmp_path / "executed"
    here = make_repository(tmp_path / "here", {"a.txt": ""})
    git(here, "config", f"remote.{url}.url", url)
    git(here, "config", f"remote.{url}.uploadpack", f"touch {mark}; git-upload-pack")
    monkeypatch.chdir(here)

    repo = await resolve_repo(url, relative_to=here)

    assert repo.commit == git(repository, "rev-parse", "HEAD").strip()
    assert not mark.exists()
