"""A batch file: every line is a task, and every wrong one is named by its line."""

from pathlib import Path

import pytest

from swe_ai_fleet.cli.batch_file import batch_id_of, read_batch
from swe_ai_fleet.cli.task_file import Override
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.errors import InputError, TaskFileError


def write(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "tasks.jsonl"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_every_line_is_a_task_and_options_stand_above_all(tmp_path: Path) -> None:
    agents = Override(location=("council", "agents"), option="--agents", value=2)
    source = write(tmp_path, '{"id": "a", "description": "x"}', "", '{"id": "b", "description": "y"}')
    files = read_batch(source, [agents])
    assert [(file.task.id, file.task.council.agents) for file in files] == [("a", 2), ("b", 2)]
    assert files[0].folder == tmp_path


def test_a_task_of_a_batch_waits_for_others_unless_it_says_that_somebody_waits_for_it(tmp_path: Path) -> None:
    urgent = '{"id": "b", "description": "y", "priority": "interactive"}'
    files = read_batch(write(tmp_path, '{"id": "a", "description": "x"}', urgent))
    assert [file.task.priority for file in files] == ["batch", "interactive"]


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    text = "one\u2028two\u2029three\u0085four"
    files = read_batch(write(tmp_path, f'{{"id": "a", "description": "{text}"}}\r', '{"description": "y"}'))
    assert [file.task.description for file in files] == [text, "y"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (
            ('{"id": "a", "description": "x"}', "", '{"description": 5}'),
            "tasks.jsonl:3: description: must be text",
        ),
        (('{"id": "a", "description": "x"}', '{"description": '), "tasks.jsonl:2: task: not valid JSON"),
        (
            ('{"id": "a", "description": "x"}', '{"id": "a", "description": "y"}'),
            "tasks.jsonl:2: id: stands twice",
        ),
        (("[1]",), "tasks.jsonl:1: task: a task is a mapping"),
        (("",), "tasks.jsonl:1: task: there is no task in it"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, lines: tuple[str, ...], says: str) -> None:
    with pytest.raises(TaskFileError, match=says):
        read_batch(write(tmp_path, *lines))


def test_a_wrong_option_is_named(tmp_path: Path) -> None:
    agents = Override(location=("council", "agents"), option="--agents", value=0)
    with pytest.raises(InputError, match=r"^--agents: "):
        read_batch(write(tmp_path, '{"description": "x"}'), [agents])


def test_ids_repeat_and_fit_a_subject() -> None:
    short, long = Task(id="a", description="x"), Task(id="a" * 64, description="x")
    other = Task(id="a" * 63 + "b", description="x")
    assert batch_id_of("night", short) == "night-a"
    assert len(batch_id_of("night", long)) == 64
    assert batch_id_of("night", long) == batch_id_of("night", long) != batch_id_of("night", other)
