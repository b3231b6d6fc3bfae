"""The command tree: every command explains itself, and none is loaded before it is called."""

import json
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from swe_ai_fleet.cli.app import COMMANDS, swe_fleet
from swe_ai_fleet.cli.main import main

_UNITS = ("second", "token", "UTC", "agents", "_s", "days")
_HEAVY = ("ray", "nats", "aiohttp", "pydantic", "rich", "yaml", "asyncio", "uvloop", "structlog")


def commands() -> dict[str, click.Command]:
    found: dict[str, click.Command] = {}
    context = click.Context(swe_fleet)
    for name in COMMANDS:
        command = swe_fleet.get_command(context, name)
        assert command is not None
        found[name] = command
        if isinstance(command, click.Group):
            found |= {f"{name} {inner}": command.commands[inner] for inner in command.commands}
    return found


ALL = commands()


def test_help_lists_every_command() -> None:
    shown = CliRunner().invoke(swe_fleet, ["--help"]).output
    for name, entry in COMMANDS.items():
        assert name in shown
        assert entry.summary.split(".")[0] in " ".join(shown.split())


@pytest.mark.parametrize("name", ALL)
def test_help_of_a_command_says_what_its_numbers_mean_and_how_it_ends(name: str) -> None:
    shown = " ".join(CliRunner().invoke(swe_fleet, [*name.split(), "--help"]).output.split())
    assert "Exit codes: 0 decided" in shown
    assert any(unit in shown for unit in _UNITS), shown


@pytest.mark.parametrize("name", ALL)
def test_every_option_is_explained_with_its_unit(name: str) -> None:
    for option in ALL[name].params:
        if not isinstance(option, click.Option):
            continue
        assert option.help, f"{name} {option.name}"
        if option.metavar == "S":
            assert "seconds" in option.help.lower()
        if option.name == "budget_tokens":
            assert "tokens" in option.help


def test_a_command_is_named_as_it_is_listed() -> None:
    for name, entry in COMMANDS.items():
        command = ALL[name]
        assert command.name == name
        assert command.help, entry


def test_asking_for_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, json\n"
        "from swe_ai_fleet.__main__ import main\n"
        "sys.argv = ['swe-fleet', '--help']\n"
        "assert main() == 0\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(ran.stdout.splitlines()[-1]))
    assert loaded.isdisjoint(_HEAVY)


def test_wrong_usage_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["deliberate"]) == 2
    assert "Missing argument 'TASK'" in capsys.readouterr().err
    assert main(["nonsense"]) == 2
    assert main(["deliberate", "x", "--agents", "many"]) == 2
    assert "'many' is not a valid integer" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("swe-fleet ")
