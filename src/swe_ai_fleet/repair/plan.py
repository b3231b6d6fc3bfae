"""How a check's command is run by the harness, where it is pytest or unittest; any other command stays a command."""

import re
import shlex
from dataclasses import dataclass, field
from typing import Literal

_PYTHON = re.compile(r"^(.*/)?python(3(\.\d+)?)?$")
_SHELL = re.compile(r"[|&;<>$`*?(){}\n]")
_ASSIGNMENT = re.compile(r"^[A-Za-z_]\w*=")
_INTERPRETER_FLAGS = frozenset({"-B", "-E", "-I", "-O", "-OO", "-s", "-S", "-u", "-b", "-bb"})
_INTERPRETER_OPTIONS = frozenset({"-W", "-X"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePlan:
    """A suite that the harness can hold warm."""

    framework: Literal["pytest", "unittest"]
    python: tuple[str, ...]
    """The interpreter with its own options."""
    arguments: tuple[str, ...]
    """Of the framework."""
    env: dict[str, str] = field(default_factory=dict)
    with_cwd: bool = True
    """The working folder is on ``sys.path``, as ``python -m`` puts it."""


def plan_of(command: str) -> SuitePlan | None:
    """The plan of a command, or None where only a shell can tell what it does."""
    if _SHELL.search(command):
        return None
    try:
        words = shlex.split(command)
    except ValueError:
        return None
    env: dict[str, str] = {}
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        env[name] = value
    if words and words[0] in ("pytest", "py.test"):
        return SuitePlan(
            framework="pytest", python=("python",), arguments=tuple(words[1:]), env=env, with_cwd=False
        )
    return _of_module(words, env)


def _of_module(words: list[str], env: dict[str, str]) -> SuitePlan | None:
    """``python [options] -m pytest ...`` or ``python [options] -m unittest ...``."""
    if not words or not _PYTHON.match(words[0]):
        return None
    at = 1
    while at < len(words) and words[at] in _INTERPRETER_FLAGS | _INTERPRETER_OPTIONS:
        at += 2 if words[at] in _INTERPRETER_OPTIONS else 1
    if words[at : at + 1] != ["-m"] or words[at + 1 : at + 2] not in (["pytest"], ["unittest"]):
        return None
    return SuitePlan(
        framework="pytest" if words[at + 1] == "pytest" else "unittest",
        python=tuple(words[:at]),
        arguments=tuple(words[at + 2 :]),
        env=env,
    )
