"""Exit codes are a promise to scripts."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import click
import pytest

from swe_ai_fleet import errors
from swe_ai_fleet.cli import main as main_module
from swe_ai_fleet.cli.exits import Exit, exit_of, exit_of_outcome, fleet_error_in, ungrouped
from swe_ai_fleet.cli.streams import ReaderLeftError
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.errors import FleetError, InputError

CODES: list[tuple[FleetError, int]] = [
    (InputError("repo", "x", "is no repository", "Run git init."), 2),
    (errors.TaskFileError("t.yaml", 3, "id", "x", "wrong", "Correct it."), 2),
    (errors.BudgetError("budget.tokens: 5 cannot hold it"), 2),
    (errors.RecordNotFoundError("no such deliberation"), 2),
    (errors.RecordConflictError("somebody was first"), 2),
    (errors.ModelRequestError("vllm:x", "bad"), 2),
    (errors.GivenUpError("d1", "the budget is too small", refused=True, letter_id="1"), 2),
    (errors.GivenUpError("d1", "given up after 10 deliveries", refused=False, letter_id="1"), 3),
    (errors.AgentRefusedError("no repo", "Give one."), 3),
    (errors.UnreachableError("NATS", "nats://x", "Start it."), 4),
    (errors.ModelUnreachableError("vllm:x", "refused"), 4),
    (errors.RecordUnavailableError("away"), 4),
    (errors.RecordDeniedError("may not"), 4),
    (errors.PlacementError("no node"), 4),
    (errors.SandboxUnavailableError("nothing contains it"), 4),
]


@pytest.mark.parametrize(("error", "code"), CODES, ids=lambda value: type(value).__name__)
def test_the_code_of_an_error(error: FleetError, code: int) -> None:
    assert exit_of(error) == code


def test_the_code_of_an_outcome() -> None:
    codes = {outcome: exit_of_outcome(outcome) for outcome in DeliberationOutcome}
    assert codes.pop(DeliberationOutcome.DECIDED) == 0
    assert set(codes.values()) == {3}


def test_an_error_raised_among_tasks_is_still_itself() -> None:
    error = errors.UnreachableError("NATS", "nats://x", "Start it.")
    group = BaseExceptionGroup("tasks", [ExceptionGroup("inner", [error])])
    with pytest.raises(errors.UnreachableError), ungrouped():
        raise group


def test_a_defect_beside_it_is_not_hidden() -> None:
    group = ExceptionGroup("tasks", [CODES[0][0], ZeroDivisionError()])
    assert fleet_error_in(group) is None
    with pytest.raises(ExceptionGroup), ungrouped():
        raise group


def failing(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    @click.command()
    def command() -> None:
        raise error

    monkeypatch.setattr(main_module, "swe_fleet", command)
    return main_module.main([])


def test_a_defect_is_told_shortly_and_kept_in_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert failing(ZeroDivisionError("by\x1b zero"), monkeypatch) == Exit.DEFECT
    told = capsys.readouterr().err
    assert "ZeroDivisionError: by\\x1b zero" in told
    assert len(told.splitlines()) == 2
    kept = Path(told.split("The traceback is in ")[1].strip().rstrip("."))
    assert "test_cli_exits.py" in kept.read_text()
    kept.unlink()


def test_notes_of_an_error_are_told_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = InputError("id", "a b", "is not a valid name", "Correct it.")
    error.add_note("t.yaml:2: and another")
    assert failing(error, monkeypatch) == Exit.BAD_INPUT
    assert capsys.readouterr().err.splitlines()[1] == "   and: t.yaml:2: and another"


def test_ctrl_c_before_anything_runs_is_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    assert failing(KeyboardInterrupt(), monkeypatch) == Exit.INTERRUPTED


def ran(args: Sequence[str], *, stdout: int | IO[str]) -> tuple[int, str]:
    """Exit code and stderr."""
    ended = subprocess.run(
        [sys.executable, *args], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
    )
    return ended.returncode, ended.stderr


SCHEMA = ("-m", "swe_ai_fleet", "schema", "event")
TABLE = """
import sys
from swe_ai_fleet.cli import bench_view, main
main.swe_fleet.main = lambda **_: bench_view.print_rows(("figure",), [("1",)])
sys.exit(main.main())
"""


@pytest.mark.parametrize("args", [SCHEMA, ("-c", TABLE)], ids=["text", "table"])
def test_a_reader_that_leaves_is_no_error(args: Sequence[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    assert ran(args, stdout=write) == (0, "")
    os.close(write)


PROGRESS = """
import asyncio
from swe_ai_fleet.cli.progress import open_progress

async def main():
    async with open_progress("lines") as progress:
        progress.note("begun")
        progress.note("done")
    print("decided")

asyncio.run(main())
"""


def test_work_goes_on_where_nobody_looks_at_its_progress_any_more() -> None:
    read, write = os.pipe()
    os.close(read)
    ended = subprocess.run(
        [sys.executable, "-c", PROGRESS], stdout=subprocess.PIPE, stderr=write, text=True, check=False
    )
    os.close(write)
    assert (ended.returncode, ended.stdout) == (0, "decided\n")


def test_a_reader_that_leaves_among_tasks_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    group = BaseExceptionGroup("tasks", [ExceptionGroup("inner", [ReaderLeftError()])])
    monkeypatch.setattr(main_module, "silence", lambda _: None)
    assert failing(group, monkeypatch) == Exit.DECIDED


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full: Linux")
@pytest.mark.parametrize("args", [SCHEMA, ("-c", TABLE)], ids=["text", "table"])
def test_a_full_disk_is_told_as_one(args: Sequence[str]) -> None:
    with Path("/dev/full").open("w") as full:
        code, told = ran(args, stdout=full)
    assert code == Exit.UNREACHABLE
    assert told == (
        "Error: nothing more can be written: No space left on device. Make room, or write elsewhere.\n"
    )


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_lead_nowhere(closed: str, tmp_path: Path) -> None:
    code = """
import os, subprocess, sys
from swe_ai_fleet.cli.streams import open_closed_streams
open_closed_streams()
with open(sys.argv[1], "w") as file:
    file.write(f"{file.fileno()} {sys.stdin.read()}")
print("gone")
print("gone", file=sys.stderr)
subprocess.run(["sh", "-c", "echo gone; echo gone >&2; read none"], check=False)
"""
    shell = f'"$0" -c "$1" "$2" {closed}'
    target = tmp_path / "file"
    subprocess.run(
        ["sh", "-c", shell, sys.executable, code, str(target)], check=True, stdin=subprocess.DEVNULL
    )
    assert target.read_text() == "3 "


def test_a_command_runs_with_all_streams_closed() -> None:
    shell = '"$0" -m swe_ai_fleet schema event <&- >&- 2>&-'
    subprocess.run(["sh", "-c", shell, sys.executable], check=True)
