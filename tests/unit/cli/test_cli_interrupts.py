"""Signals of a terminal, as a process of its own meets them."""

import os
import signal
import subprocess
import sys

import pytest

WAITING = """
import asyncio, sys
from swe_ai_fleet.cli.running import run

async def main(interrupts):
    print("ready", flush=True)
    try:
        await asyncio.sleep(30)
    finally:
        print("the end", flush=True)

sys.exit(run(main))
"""


def waiting(*before: str, stdout: int = subprocess.PIPE) -> "subprocess.Popen[str]":
    return subprocess.Popen([*before, sys.executable, "-c", WAITING], stdout=stdout, text=True)


def test_a_terminal_that_is_closed_interrupts() -> None:
    with waiting() as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.wait() == 130


def test_a_process_under_nohup_stays() -> None:
    with waiting("sh", "-c", 'trap "" HUP; exec "$@"', "sh") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 130


def test_what_is_written_to_a_terminal_that_is_gone_is_no_error() -> None:
    user, terminal = os.openpty()
    with waiting(stdout=terminal) as process:
        os.close(terminal)
        with os.fdopen(user) as said:
            assert said.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        assert process.wait() == 130
