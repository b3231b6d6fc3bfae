"""What a command leaves behind: one document on stdout, or text; files in a folder; a patch in a work tree."""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, JsonValue

from swe_ai_fleet.cli.result_view import print_result
from swe_ai_fleet.cli.streams import ReaderLeftError
from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.domain.ranking import Result, Winner
from swe_ai_fleet.errors import InputError

_FILES = ("result.json", "report.html", "winner.patch", "winner.md")


def print_json(document: BaseModel | JsonValue) -> None:
    """The one document of ``--json``.

    Raises:
        ReaderLeftError: nobody reads it any more.
    """
    text = document.model_dump_json(indent=2) if isinstance(document, BaseModel) else _dump(document)
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderLeftError from error


def _dump(document: JsonValue) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def tell_result(result: Result, *, as_json: bool, footer: Sequence[str] = ()) -> None:
    """The result on stdout."""
    if as_json:
        print_json(result)
        return
    from swe_ai_fleet.cli.console import PipedConsole

    print_result(PipedConsole(highlight=False), result, footer=footer)


@contextmanager
def writing(path: Path, way_out: str = "Give a folder that you may write to.") -> Iterator[None]:
    """What cannot be written within it is an error of ``--out``."""
    try:
        yield
    except OSError as error:
        problem = f"cannot be written: {error.strerror or error}"
        raise InputError("--out", str(path), problem, way_out) from error


def check_folder(folder: Path) -> None:
    """Make the folder, and see that files can be written there.

    Raises:
        InputError: they cannot.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def write_files(result: Result, events: Sequence[Event], folder: Path) -> list[Path]:
    """``result.json``, ``report.html``, and the winner as ``winner.patch`` or ``winner.md``; returns what was written.

    Those of an earlier result that this one has not are removed.

    Raises:
        InputError: the folder cannot be written.
    """
    from swe_ai_fleet.report.page import render_page

    contents = {"result.json": result.model_dump_json(indent=2) + "\n", "report.html": render_page(events)}
    if result.winner is not None:
        contents[winner_file(result.winner)] = winner_text(result.winner)
    way_out = f"Give a folder that you may write to; `swe-fleet show {result.deliberation_id}` has it all."
    with writing(folder, way_out):
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            (folder / name).write_text(content, encoding="utf-8", errors="replace", newline="")
        for name in _FILES:
            if name not in contents:
                (folder / name).unlink(missing_ok=True)
    return [folder / name for name in contents]


def winner_file(winner: Winner) -> str:
    """The name of the file that holds it."""
    return "winner.md" if winner.patch is None else "winner.patch"


def winner_text(winner: Winner) -> str:
    """The patch, or the answer of a text-only task."""
    return winner.content if winner.patch is None else winner.patch


def write_page(page: str, path: Path) -> None:
    """One HTML file.

    Raises:
        InputError: it cannot be written.
    """
    with writing(path, "Give a file that you may write to."):
        path.write_text(page, encoding="utf-8", errors="replace")
