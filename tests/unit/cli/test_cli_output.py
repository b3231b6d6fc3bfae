"""What a command leaves in a folder."""

from pathlib import Path

from shown_results import RESULT
from told import PATCH, whole_story

from swe_ai_fleet.cli.output import write_files


def test_a_folder_holds_the_files_of_the_last_result_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write_files(RESULT, whole_story(), tmp_path)
    assert (tmp_path / "winner.patch").read_text() == PATCH
    write_files(RESULT.model_copy(update={"winner": None}), whole_story(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"notes.txt", "report.html", "result.json"}
