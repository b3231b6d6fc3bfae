"""Every wrong task names its file, its line, its field, the value and the way out."""

import json
from pathlib import Path

import pytest

from swe_ai_fleet.cli.task_file import Override, TaskFile, read_task, repo_override
from swe_ai_fleet.errors import InputError, TaskFileError

GOOD = """\
id: reorder
description: |
  One unit too few: fix it.
repo: ./inventory
constraints:
  rubric: correct first
  requirements: [keep the API]
  metadata: {since: 2026-01-01, tries: 3}
checks:
  - {name: tests, command: "python -m pytest -q", timeout_s: 60}
protected_paths: ["tests/**"]
council: {agents: 5, quorum: 3}
budget: {seconds: 90.5, tokens: 1000}
"""


def write(tmp_path: Path, text: str | bytes, name: str = "task.yaml") -> str:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def read(tmp_path: Path, text: str | bytes, *overrides: Override, name: str = "task.yaml") -> TaskFile:
    return read_task(write(tmp_path, text, name), overrides)


def test_a_good_file_becomes_a_task(tmp_path: Path) -> None:
    file = read(tmp_path, GOOD)
    assert file.task.council.agents == 5
    assert file.task.checks[0].timeout_s == 60
    assert file.task.constraints.metadata == {"since": "2026-01-01", "tries": 3}
    assert file.folder == tmp_path


def test_json_is_read_as_well_as_yaml(tmp_path: Path) -> None:
    document = '{\n\t"description":\t"\\ud83d\\ude00 fix it",\n\t"council": {"agents": 2}\n}'
    for name in ("task.json", "task.yaml"):
        assert read(tmp_path, document, name=name).task.description == "😀 fix it"


def test_a_yaml_mapping_with_braces_is_not_taken_for_json(tmp_path: Path) -> None:
    assert read(tmp_path, "{description: fix it, council: {agents: 2}}").task.council.agents == 2


def test_an_anchor_may_stand_for_what_it_names(tmp_path: Path) -> None:
    text = "description: &d fix it\nconstraints: {rubric: *d}\n"
    assert read(tmp_path, text).task.constraints.rubric == "fix it"


BAD: dict[str, tuple[str | bytes, int | None, str, str]] = {
    # name: text, line, field, what the message says
    "unknown field": ("description: x\nchekcs: []\n", 2, "chekcs", "Did you mean `checks`?"),
    "unknown inner field": ("description: x\ncouncil:\n  agent: 3\n", 3, "council.agent", "mean `agents`?"),
    "unknown, nothing near": ("description: x\nzzz: 1\n", 2, "zzz", "Known here: id, role, description"),
    "missing description": ("id: a\n", 1, "description", "is missing"),
    "missing command": ("description: x\nchecks:\n  - name: t\n", 3, "checks[0].command", "is missing"),
    "empty description": ("description: ''\n", 1, "description", "is empty"),
    "number for text": ("description: 5\n", 1, "description", 'Put it in quotes: "5".'),
    "text for a number": ("description: x\ncouncil:\n  agents: many\n", 3, "council.agents", "whole number"),
    "quoted number": ("description: x\ncouncil: {agents: '5'}\n", 2, "council.agents", "but it is text"),
    "truth for a number": ("description: x\ncouncil: {agents: yes}\n", 2, "council.agents", "true or false"),
    "fraction": ("description: x\ncouncil: {agents: 2.5}\n", 2, "council.agents", "a whole number"),
    "list for mapping": ("description: x\nbudget: [1]\n", 2, "budget", "a mapping of names to values"),
    "mapping for list": ("description: x\nchecks: {a: b}\n", 2, "checks", "must be a list"),
    "text for list": ("description: x\nprotected_paths: a\n", 2, "protected_paths", "must be a list"),
    "nothing for mapping": ("description: x\ncouncil:\n", 2, "council", "but it is nothing"),
    "quorum too high": (
        "description: x\ncouncil:\n  agents: 3\n  quorum: 4\n",
        4,
        "council.quorum",
        "above the 3 agents",
    ),
    "negative budget": ("description: x\nbudget:\n  seconds: -1\n", 3, "budget.seconds", "must be above 0"),
    "negative tokens": ("description: x\nbudget: {tokens: -5}\n", 2, "budget.tokens", "must be above 0"),
    "endless budget": ("description: x\nbudget: {seconds: .inf}\n", 2, "budget.seconds", "at most 86400"),
    "no number": ("description: x\nbudget: {seconds: .nan}\n", 2, "budget.seconds", "at most 86400"),
    "too many agents": ("description: x\ncouncil: {agents: 999}\n", 2, "council.agents", "at most 128"),
    "no agents": ("description: x\ncouncil: {agents: 0}\n", 2, "council.agents", "at least 1"),
    "bad id": ("id: a b\ndescription: x\n", 1, "id", "is not a valid name"),
    "bad role": ("role: 'a.b'\ndescription: x\n", 1, "role", "is not a valid name"),
    "check named twice": (
        "description: x\nchecks:\n- {name: t, command: a}\n- {name: t, command: b}\n",
        2,
        "checks",
        "must differ",
    ),
    "long description": (
        b"id: a\ndescription: |\n" + b"  line of text\n" * 150_000,
        2,
        "description",
        "the limit is 524288",
    ),
    "long command": (f"description: x\nchecks: [{{name: t, command: {'x' * 5000}}}]", 2, "command", "4096"),
    "key twice": ("description: x\nid: a\nid: b\n", 3, "id", "stands twice, first in line 2"),
    "inner key twice": ("description: x\ncouncil: {qa: 1, qa: 2}\n", 2, "council.qa", "stands twice"),
    "syntax": ("description: x\nchecks: [1\nid: b\n", 3, "task", "not valid YAML"),
    "tab indent": ("description: x\ncouncil:\n\tagents: 3\n", 3, "task", "not valid YAML"),
    "bare colon": ("description: a: b\n", 1, "task", "stands in quotes"),
    "control character": ("description: a\x07b\n", 1, "task", "not valid YAML"),
    "two documents": ("description: x\n---\ndescription: y\n", 2, "task", "not valid YAML"),
    "python object": ("description: !!python/name:os.system x\n", 1, "description", "is not allowed"),
    "object by call": ("description: x\nid: !!python/object/apply:os.system [id]\n", 2, "id", "must be text"),
    "merge key": ("description: x\n<<: {id: a}\n", 2, "<<", "is not a field"),
    "list as key": ("description: x\n? [a]\n: b\n", 2, "task", "must be plain text"),
    "endless alias": (
        "description: x\nconstraints: {metadata: &a {b: *a}}\n",
        2,
        "a",
        "YAML|nested too deeply",
    ),
    "not a mapping": ("- a\n- b\n", 1, "task", "a mapping of fields"),
    "only text": ("hello\n", 1, "task", "a mapping of fields"),
    "empty": ("", 1, "task", "the file is empty"),
    "only a comment": ("# nothing\n", 1, "task", "the file is empty"),
    "huge number": (
        f"description: x\ncouncil: {{agents: {'9' * 5000}}}\n",
        2,
        "council.agents",
        "not a valid int",
    ),
    "not UTF-8": (b"description: x\nid: \xff\n", 2, "task", "not UTF-8"),
    "broken JSON": ('{"description": "x",\n "council": }', 2, "council", "but it is nothing"),
    "JSON key wrong": ('{"description": "x",\n "council":\n {"agnets": 3}}', 3, "council.agnets", "`agents`"),
    "too large": (b"#" * (8 * 1024**2 + 1), None, "TASK", "larger than"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named(tmp_path: Path, name: str) -> None:
    text, line, field, says = BAD[name]
    with pytest.raises(TaskFileError) as caught:
        read(tmp_path, text)
    message = str(caught.value)
    place = "" if line is None else f":{line}"
    assert message.startswith(f"{tmp_path}/task.yaml{place}: "), message
    assert field in caught.value.field
    assert any(part in message for part in says.split("|")), message
    assert len(message) < 600


def test_an_alias_bomb_is_stopped_early(tmp_path: Path) -> None:
    levels = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12)]
    with pytest.raises(TaskFileError, match="once its aliases are written out"):
        read(tmp_path, "description: x\n" + "\n".join(levels))


def test_a_bomb_of_one_long_text_is_stopped_as_well(tmp_path: Path) -> None:
    text = f"description: &d {'x' * 100_000}\nprotected_paths: [{', '.join(['*d'] * 500)}]\n"
    with pytest.raises(TaskFileError, match="once its aliases are written out"):
        read(tmp_path, text)


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_deep_nesting_is_an_error_and_not_a_crash(tmp_path: Path, opening: str) -> None:
    with pytest.raises(TaskFileError):
        read(tmp_path, "description: x\nconstraints: " + opening * 50_000)


def test_deep_json_is_an_error_and_not_a_crash(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError):
        read(tmp_path, '{"a":' * 200_000, name="task.json")


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match="there is no such file"):
        read_task(str(tmp_path / "nothing.yaml"))
    with pytest.raises(TaskFileError, match="cannot be read: Is a directory"):
        read_task(str(tmp_path))


def test_all_problems_are_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError) as caught:
        read(tmp_path, "budget: {seconds: -1}\nzzz: 1\ndescription: 5\n")
    told = [str(caught.value), *caught.value.__notes__]
    assert [message.split(": ")[1] for message in told] == ["budget.seconds", "zzz", "description"]


AGENTS = Override(location=("council", "agents"), option="--agents", value=2)


def test_an_option_stands_above_the_file(tmp_path: Path) -> None:
    tokens = Override(location=("budget", "tokens"), option="--budget-tokens", value=7)
    file = read(tmp_path, "description: x\ncouncil: {agents: 9}\n", AGENTS, tokens)
    assert (file.task.council.agents, file.task.budget.tokens) == (2, 7)


def test_a_wrong_option_is_named_instead_of_the_file(tmp_path: Path) -> None:
    wrong = Override(location=("council", "agents"), option="--agents", value=-1)
    with pytest.raises(InputError, match=r"^--agents: must be at least 1 \(given: -1\)"):
        read(tmp_path, "description: x\n", wrong)


def test_an_option_that_makes_the_file_wrong_leaves_the_file_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match=r"task\.yaml:3: council\.quorum: quorum 3 is above the 2 agents"):
        read(tmp_path, "description: x\ncouncil:\n  quorum: 3\n", AGENTS)


def test_an_option_does_not_mend_a_section_of_the_wrong_shape(tmp_path: Path) -> None:
    with pytest.raises(TaskFileError, match=r"task\.yaml:2: council: must be a mapping"):
        read(tmp_path, "description: x\ncouncil: many\n", AGENTS)
    assert read(tmp_path, "description: x\ncouncil:\n", AGENTS).task.council.agents == 2


def test_later_errors_of_a_field_get_their_place(tmp_path: Path) -> None:
    file = read(tmp_path, GOOD)
    found = file.locate(InputError("repo", "./inventory", "is not a git repository", "Run git init."))
    assert str(found) == (
        f"{tmp_path}/task.yaml:4: repo: is not a git repository (given: './inventory'). Run git init."
    )
    found = file.locate(InputError("checks[0].command", "pytest", "does not exist", "Install it."))
    assert str(found).startswith(f"{tmp_path}/task.yaml:10: checks[0].command: does not exist")


def test_later_errors_of_an_option_name_the_option(tmp_path: Path) -> None:
    file = read(tmp_path, GOOD, Override(location=("repo",), option="--repo", value="/x"))
    found = file.locate(InputError("repo", "/x", "is not a git repository", "Run git init."))
    assert str(found).startswith("--repo: is not a git repository")


def test_errors_of_other_fields_stay_as_they_are(tmp_path: Path) -> None:
    error = InputError("model", "x", "the provider is missing", "Write provider:model.")
    assert read(tmp_path, GOOD).locate(error) is error


def test_repo_on_the_command_line_is_relative_to_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert repo_override("inventory") == str(tmp_path / "inventory")
    for url in ("https://host/x.git", "git@host:x.git", "ssh://host/x"):
        assert repo_override(url) == url


def test_a_repository_below_the_home_folder_is_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    (home / "shop").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    file = read(tmp_path, "description: fix it\nrepo: ~/shop\n")
    assert file.work_tree == home / "shop"
    assert file.portable_task.repo == repo_override("~/shop") == str(home / "shop")
    assert repo_override("~nobody-of-that-name/shop").endswith("/~nobody-of-that-name/shop")


@pytest.mark.parametrize("repo", ["https://host/x.git", "none"])
def test_a_repository_that_is_no_folder_here_stays_as_it_is(tmp_path: Path, repo: str) -> None:
    file = read(tmp_path, f"description: fix it\nrepo: {repo}\n")
    assert file.work_tree is None
    assert file.portable_task is file.task


def test_json_that_yaml_cannot_place_is_still_a_task(tmp_path: Path) -> None:
    document = json.dumps({"description": "\ud83d\ude00"})
    assert read(tmp_path, document, name="t.json").task.description == "😀"
