"""Proposals become one patch that git takes, or an error that says where and why."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sandboxes import write_tree

from swe_ai_fleet.errors import PatchError
from swe_ai_fleet.sandbox.patches.making import make_patch
from swe_ai_fleet.sandbox.patches.writing import ChangedFile, write_patch

STOCK = """\
import math


class Stock:
    def level(self, x):
        if x < 3:
            return 1
        return 2
"""
MORE = "\n    def same(self, x):\n        return x\n"
FILES: dict[str, str | bytes] = {
    "src/stock.py": STOCK + MORE,
    "crlf.py": b"a = 1\r\nb = 2\r\nc = 3",
    "bom.py": "\ufeffa = 1\nb = 2\n",
    "run.sh": "#!/bin/sh\n",
    "latin.py": "# caf\xe9\n".encode("latin-1"),
}
FIXED = STOCK.replace("x < 3", "x <= 3") + MORE


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", FILES)


def applied(tree: Path, patch: str) -> dict[str, bytes]:
    """The tree after ``git apply``."""
    subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=tree, input=patch.encode(), check=True)
    return {
        str(path.relative_to(tree)): path.read_bytes()
        for path in sorted(tree.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(tree).parts
    }


DIFF = """\
--- a/src/stock.py
+++ b/src/stock.py
@@ -3,7 +3,7 @@

 class Stock:
     def level(self, x):
-        if x < 3:
+        if x <= 3:
             return 1
         return 2

"""
SAME_EDIT = {
    "a diff": DIFF,
    "a fenced diff with prose around it": f"The comparison is off.\n\n```diff\n{DIFF}```\n\nThat is all.\n",
    "a git diff": f"diff --git a/src/stock.py b/src/stock.py\nindex 1111111..2222222 100644\n{DIFF}",
    "wrong counts": DIFF.replace("@@ -3,7 +3,7 @@", "@@ -1,99 +1,99 @@"),
    "counts too small, and prose behind it": DIFF.replace("@@ -3,7 +3,7 @@", "@@ -9,1 +9,1 @@")
    + "\nDone now.\n",
    "no numbers": DIFF.replace("@@ -3,7 +3,7 @@", "@@ @@"),
    "no prefixes": DIFF.replace("a/src", "src").replace("b/src", "src"),
    "wrong context far from the edit": DIFF.replace("class Stock", "class Stocks"),
    "context without its blank": DIFF.replace("\n class Stock", "\nclass Stock"),
    "carriage returns": DIFF.replace("\n", "\r\n"),
    "a search/replace block": (
        "src/stock.py\n```python\n<<<<<<< SEARCH\n        if x < 3:\n=======\n        if x <= 3:\n"
        ">>>>>>> REPLACE\n```\n"
    ),
    "a block with another indent": (
        "### `src/stock.py`\n<<<<<<< SEARCH\nif x < 3:\n    return 1\n=======\nif x <= 3:\n    return 1\n"
        ">>>>>>> REPLACE\n"
    ),
    "a block that names no file": "<<<<<<< SEARCH\n        if x < 3:\n=======\n        if x <= 3:\n>>>>>>> REPLACE\n",
    "a whole file, named before its fence": f"**src/stock.py**\n```python\n{FIXED}```\n",
    "a whole file, named behind its fence": f"```python src/stock.py\n{FIXED}```\n",
    "a whole file, named in a comment": f"```python\n# src/stock.py\n{FIXED}```\n",
}


@pytest.mark.parametrize("form", SAME_EDIT)
def test_an_edit_in_any_form_becomes_the_same_patch(form: str, tree: Path) -> None:
    patch = make_patch(SAME_EDIT[form], tree)

    assert patch.text.startswith("diff --git a/src/stock.py b/src/stock.py\n--- a/src/stock.py\n")
    assert patch.parses
    assert applied(tree, patch.text)["src/stock.py"].decode() == FIXED


def test_line_ends_and_a_missing_last_one_are_kept(tree: Path) -> None:
    block = "crlf.py\n<<<<<<< SEARCH\nb = 2\n=======\nb = 5\nd = 4\n>>>>>>> REPLACE\n"

    assert applied(tree, make_patch(block, tree).text)["crlf.py"] == b"a = 1\r\nb = 5\r\nd = 4\r\nc = 3"


def test_a_whole_file_takes_the_old_ones_formatting(tree: Path) -> None:
    content = "`crlf.py`\n```python\na = 1\nb = 9\nc = 3\n```\n`bom.py`\n```python\na = 2\nb = 2\n```\n"

    after = applied(tree, make_patch(content, tree).text)

    assert after["crlf.py"] == b"a = 1\r\nb = 9\r\nc = 3"
    assert after["bom.py"] == "\ufeffa = 2\nb = 2\n".encode()


def test_files_are_made_deleted_moved_and_made_executable(tree: Path) -> None:
    diff = (
        "diff --git a/new/b c.py b/new/b c.py\nnew file mode 100755\n"
        "--- /dev/null\n+++ b/new/b c.py\n@@ -0,0 +1 @@\n+x = 1\n"
        "diff --git a/bom.py b/bom.py\ndeleted file mode 100644\n"
        "diff --git a/run.sh b/bin/run.sh\nsimilarity index 100%\nrename from run.sh\nrename to bin/run.sh\n"
        "diff --git a/crlf.py b/crlf.py\nold mode 100644\nnew mode 100755\n"
    )

    after = applied(tree, make_patch(diff, tree).text)

    assert after["new/b c.py"] == b"x = 1\n"
    assert "bom.py" not in after
    assert "run.sh" not in after
    assert after["bin/run.sh"] == b"#!/bin/sh\n"
    assert (tree / "crlf.py").stat().st_mode & 0o100
    assert (tree / "new/b c.py").stat().st_mode & 0o100


REFUSED = {
    "nothing to apply": ("I would change the comparison.", "no edit"),
    "no change": ("```python crlf.py\na = 1\nb = 2\nc = 3\n```", "changes nothing"),
    "old text that is not there": (
        DIFF.replace("if x < 3", "if y < 4"),
        "src/stock.py, hunk 1: its old text is not in",
    ),
    "a block in two places": (
        "src/stock.py\n<<<<<<< SEARCH\n\n=======\n# here\n>>>>>>> REPLACE",
        "block 1: its old text is in 3 places",
    ),
    "a block without an end": ("crlf.py\n<<<<<<< SEARCH\na = 1\n=======\na = 2\n", "block 1 has no >>>>>>>"),
    "a file that is not there": (DIFF.replace("stock.py", "stack.py"), "there is no file src/stack.py"),
    "a path that climbs out": (DIFF.replace("src/stock.py", "../x.py"), "must stay inside"),
    "an absolute path": ("```python /etc/x.py\n1\n```", "must stay inside"),
    "git's own folder": ("```python .git/hooks/x.py\n1\n```", "git's own folder"),
    "git's own folder in capitals": ("```python sub/.GIT/x.py\n1\n```", "git's own folder"),
    "a path through a link": ("```python link/x.py\n1\n```", "symbolic link"),
    "a link itself": ("```python link.py\n1\n```", "symbolic link"),
    "a link as new file": (
        "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n@@ -0,0 +1 @@\n+/etc\n",
        "mode 120000",
    ),
    "a folder": ("diff --git a/src b/src\ndeleted file mode 100644\n", "it is a folder"),
    "another encoding": ("latin.py\n<<<<<<< SEARCH\n# caf\n=======\n# tea\n>>>>>>> REPLACE", "not UTF-8"),
    "a binary patch": ("diff --git a/x.png b/x.png\nnew file mode 100644\nGIT binary patch\n", "binary"),
}

MALFORMED = {
    "a line number without end": f"--- a/crlf.py\n+++ b/crlf.py\n@@ -{'1' * 5000} +1 @@\n-a = 1\n+a = 2\n",
    "a file that is a folder of another": "~~~ x.d\na\n~~~\n~~~ x.d/y.py\nb\n~~~\n",
    "a name that is too long": f"~~~ {'n' * 300}.py\na\n~~~\n",
    "half a character": "~~~ z.py\na = '\ud800'\n~~~\n",
    "half a character in a name": "diff --git a/\ud800 b/\ud800\nnew file mode 100644\nGIT binary patch\n",
    "an escape of no byte": '--- "a/a\\xzz.py"\n+++ "b/a\\xzz.py"\n@@ -1 +1 @@\n-x\n+y\n',
    "an escape of no letter": '--- "a/\\u1234.py"\n+++ "b/\\u1234.py"\n@@ -1 +1 @@\n-x\n+y\n',
    "an escape that is cut": '--- "a/a\\"\n+++ "b/a\\"\n@@ -1 +1 @@\n-x\n+y\n',
    "a mode of no file": "diff --git \nnew mode 100755\n",
}
"""Read as far as it goes, each of these ends in an error of Python's own."""


@pytest.mark.parametrize("what", MALFORMED)
def test_what_cannot_be_read_is_no_patch(what: str, tree: Path) -> None:
    with pytest.raises(PatchError) as caught:
        make_patch(MALFORMED[what], tree)

    assert str(tree) not in str(caught.value)
    assert str(caught.value).encode()


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_patch_is_told_with_its_place_and_reason(what: str, tree: Path) -> None:
    (tree / "link").symlink_to("/etc")
    (tree / "link.py").symlink_to("crlf.py")
    content, reason = REFUSED[what]

    with pytest.raises(PatchError, match=reason):
        make_patch(content, tree)


def test_syntax_is_checked_without_running_anything(tree: Path) -> None:
    for text, parses in (("def f(:", False), ("x = '\\d'", True), ("(" * 500, False), ("x" + "." * 3, False)):
        assert make_patch(f"```python new.py\n{text}\n```", tree).parses is parses


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("x = 1\n", "x  =  1  # one\n\n\n", True),
        ("def f():\n    return 1\n", "def f():\n\n        # why\n        return 1\n", True),
        ("x = 1\n", "x = 2\n", False),
        ("if a:\n    b()\n    c()\n", "if a:\n    b()\nc()\n", False),
        ("x = 'a b'\n", "x = 'ab'\n", False),
    ],
)
def test_the_key_ignores_comments_and_blank_space_only(
    first: str, second: str, *, same: bool, tree: Path
) -> None:
    keys = [make_patch(f"```python new.py\n{text}```", tree).key for text in (first, second)]

    assert (keys[0] == keys[1]) is same


LINES = st.lists(
    st.sampled_from(["a", "b", "", " x", "\ty", "-- q", "++ z", "@@ w", "\\ n", "é", "+", "-"]), max_size=12
)
TEXTS = st.builds(
    lambda lines, end, last: end.join(lines) + (end if lines and last else ""),
    LINES,
    st.sampled_from(["\n", "\n", "\r\n"]),
    st.booleans(),
)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=TEXTS, new=TEXTS)
def test_git_applies_what_is_written_and_reading_it_again_gives_the_same(
    old: str, new: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if old == new:
        return
    folder = tmp_path_factory.mktemp("written")
    (folder / "f.txt").write_bytes(old.encode())
    text = write_patch([ChangedFile(path="f.txt", old=old, new=new)])

    again = make_patch(text, folder)
    subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=folder, input=text.encode(), check=True)

    assert (folder / "f.txt").read_bytes().decode() == new
    assert again.files[0].new == new
    assert again.text == text
