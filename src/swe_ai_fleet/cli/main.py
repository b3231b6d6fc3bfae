"""From the command line's words to an exit code; whatever a command raises becomes a message here."""

import errno
import sys
import tempfile
import traceback
from collections.abc import Sequence

import click

from swe_ai_fleet.cli.app import swe_fleet
from swe_ai_fleet.cli.exits import Exit, exit_of, fleet_error_in
from swe_ai_fleet.cli.streams import ReaderLeftError, silence
from swe_ai_fleet.report.printable import printable

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: the words after the program's name; those of this process where left out.

    Returns:
        The exit code, see :class:`~swe_ai_fleet.cli.exits.Exit`. Errors have been told on stderr.
    """
    try:
        code = swe_fleet.main(args=args, prog_name="swe-fleet", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return Exit.BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except BrokenPipeError:
        silence(sys.stdout)
        return Exit.DECIDED
    except BaseExceptionGroup as group:
        return _tell(group)
    except Exception as error:  # noqa: BLE001  # the last place where it can become a message
        return _tell(error)
    return code if isinstance(code, int) else Exit.DECIDED


def _tell(error: BaseException) -> int:
    only = _only_one(error)
    if isinstance(only, ReaderLeftError):
        silence(sys.stdout)
        return Exit.DECIDED
    if isinstance(only, OSError) and only.errno in _NO_ROOM:
        silence(sys.stdout)  # what is left of it would fail again when the interpreter ends
        click.echo(
            f"Error: nothing more can be written: {only.strerror}. Make room, or write elsewhere.", err=True
        )
        return Exit.UNREACHABLE
    told = fleet_error_in(error)
    if told is None:
        return _tell_defect(error)
    click.echo(f"Error: {printable(str(told))}", err=True)
    for note in getattr(told, "__notes__", ()):
        click.echo(f"   and: {printable(note)}", err=True)
    return exit_of(told)


def _only_one(error: BaseException) -> BaseException:
    """The error itself, where nothing else happened in the tasks that it was raised in."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _tell_defect(error: BaseException) -> int:
    """The short of it on stderr, all of it in a file."""
    with tempfile.NamedTemporaryFile(
        "w", prefix="swe-fleet-", suffix=".traceback", delete=False, encoding="utf-8"
    ) as file:
        file.writelines(traceback.format_exception(error))
    click.echo(
        f"Error: this is a defect of swe-fleet: {type(error).__name__}: {printable(str(error))[:500]}\n"
        f"The traceback is in {file.name}.",
        err=True,
    )
    return Exit.DEFECT
