"""Long answers of a kind that takes its square or its cube where a reader looks twice: all end in good time."""

from pathlib import Path

import pytest
from sandboxes import write_tree

from swe_ai_fleet.errors import PatchError
from swe_ai_fleet.sandbox.patches.making import make_patch

pytestmark = pytest.mark.timeout(20)

OLD = "x = 1\n" + "same\n" * 20_000
BLOCK = "a.py\n<<<<<<< SEARCH\n{}=======\n{}>>>>>>> REPLACE\n"
MANY, BLANKS = 30_000, 40_000
LONG = {
    "blank lines behind a hunk": (
        "--- a/b.py\n+++ b/b.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n" + "\n" * BLANKS + " y\n",
        "b.py",
        "x = 2\n" + "\n" * BLANKS + "y\n",
    ),
    "a block of equal lines": (
        BLOCK.format(OLD, OLD.replace("x = 1", "x = 2") + "end\n"),
        "a.py",
        OLD.replace("x = 1", "x = 2") + "end\n",
    ),
    "a block of equal lines that differs at both ends": (
        BLOCK.format(OLD, "x = 2\n" + "same\n" * 19_000 + "end\n"),
        "a.py",
        "x = 2\n" + "same\n" * 19_000 + "end\n",
    ),
    "comments that are never closed": (
        "~~~ new.c\n" + "/* " * 40_000 + "\n~~~\n",
        "new.c",
        "/* " * 40_000 + "\n",
    ),
    "blanks behind a fence": (f"~~~ a{' ' * 100_000}new.py\nx\n~~~\n", "new.py", "x\n"),
    "blanks in a comment": (
        f"~~~ new.py\nx\n~~~\n\n~~~\n# a{' ' * 40_000}b{' ' * 40_000}c\n~~~\n",
        "new.py",
        "x\n",
    ),
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "tree", {"a.py": OLD, "b.py": "x = 1\n" + "\n" * BLANKS + "y\n"})


@pytest.mark.parametrize("what", LONG)
def test_a_long_answer_is_read_in_good_time(what: str, tree: Path) -> None:
    content, path, new = LONG[what]

    (file,) = make_patch(content, tree).files

    assert (file.path, file.new) == (path, new)


def test_a_hunk_of_equal_lines_is_looked_for_in_good_time(tree: Path) -> None:
    content = (
        f"--- /dev/null\n+++ b/n\n@@ -0,0 +1,{2 * MANY} @@\n"
        + "+a\n" * (2 * MANY)
        + f"--- a/n\n+++ b/n\n@@ -1,{MANY + 1} +1,{MANY + 1} @@\n"
        + " a\n" * MANY
        + "-b\n+c\n"
    )

    with pytest.raises(PatchError, match="its old text is not in the file"):
        make_patch(content, tree)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("f(); /* one */ g();\n", "f(); // two\ng();\n", True),
        ("/* // */ f(); /* g(); */\n", "f();\n", True),
        ('one("src/*");\nf();\n', 'one("src/*");\ng();\n', False),
        ("/* one */ f(); /* g();\n", "f(); /* h();\n", False),
    ],
)
def test_only_closed_comments_are_no_difference(first: str, second: str, *, same: bool, tree: Path) -> None:
    keys = [make_patch(f"~~~ new.js\n{text}~~~\n", tree).key for text in (first, second)]

    assert (keys[0] == keys[1]) is same


@pytest.mark.parametrize(
    ("wanted", "line"), [("a\na\nb\n", 3), ("b\na\na\na\n", 5), ("a\na\na\n", 6)], ids=["ab", "ba", "aa"]
)
def test_a_hunk_is_found_where_its_lines_repeat(wanted: str, line: int, tmp_path: Path) -> None:
    lines = ["a", "a", "a", "a", "b", "a", "a", "a"]
    tree = write_tree(tmp_path / "repeating", {"n": "".join(f"{text}\n" for text in lines)})
    removed = "".join(f"-{text}\n" for text in wanted.splitlines())

    (file,) = make_patch(f"--- a/n\n+++ b/n\n@@ -{line},9 +{line},1 @@\n{removed}+c\n", tree).files

    count = len(wanted.splitlines())
    lines[line - 1 : line - 1 + count] = ["c"]
    assert file.new == "".join(f"{text}\n" for text in lines)
