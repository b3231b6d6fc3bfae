"""What every sandbox promises, whatever holds it."""

import asyncio
import sys
import uuid
from pathlib import Path

import pytest
from sandboxes import PYTHON, STRONG, command_lines, open_descriptors, sandbox_of

from swe_ai_fleet.errors import SandboxError
from swe_ai_fleet.ports.checks import Limits, Sandbox

pytestmark = pytest.mark.sandbox


@pytest.fixture(params=STRONG)
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return sandbox_of(request.param)


async def test_a_command_runs_in_its_folder_and_says_how_it_ended(sandbox: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("given")
    command = ("/bin/sh", "-c", "cat in; echo told >&2; echo made > out; exit 7")

    result = await sandbox.run(command, folder=tmp_path, limits=Limits())

    assert (result.exit_code, result.killed_by) == (7, None)
    assert (result.stdout, result.stderr) == (b"given", b"told\n")
    assert (tmp_path / "out").read_text() == "made\n"


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("HUP", 129)])
async def test_what_a_command_starts_can_be_ended_by_a_signal(
    sandbox: Sandbox, tmp_path: Path, name: str, code: int
) -> None:
    command = ("/bin/sh", "-c", f"sleep 60 & kill -{name} $!; wait $!; echo $?")

    result = await sandbox.run(command, folder=tmp_path, limits=Limits(wall_s=20))

    assert result.stdout == f"{code}\n".encode()


async def test_stdin_is_what_was_given(sandbox: Sandbox, tmp_path: Path) -> None:
    result = await sandbox.run(("cat",), folder=tmp_path, limits=Limits(), stdin=b"x" * 300_000)

    assert result.stdout == b"x" * 300_000


async def test_the_environment_is_small_and_fixed_but_for_what_is_added(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_SECRET", "s3cret")

    result = await sandbox.run(("env",), folder=tmp_path, limits=Limits(), env={"ADDED": "1"})

    names = {line.split("=")[0] for line in result.stdout.decode().splitlines()}
    assert {"PATH", "HOME", "TMPDIR", "ADDED"} <= names
    assert b"s3cret" not in result.stdout
    assert not any(name.startswith("FLEET") for name in names)


async def test_the_fleets_own_python_and_pytest_come_first(sandbox: Sandbox, tmp_path: Path) -> None:
    command = ("python", "-c", "import sys, pytest; print(sys.prefix)")

    result = await sandbox.run(command, folder=tmp_path, limits=Limits())

    assert result.stdout.decode().strip() == sys.prefix


async def test_a_readable_folder_can_be_read_and_not_written(sandbox: Sandbox, tmp_path: Path) -> None:
    shown, folder = tmp_path / "shown", tmp_path / "work"
    shown.mkdir()
    folder.mkdir()
    (shown / "note").write_text("seen")
    command = ("/bin/sh", "-c", f"cat {shown}/note; echo x > {shown}/new")

    result = await sandbox.run(command, folder=folder, limits=Limits(), readable=[shown])

    assert result.stdout == b"seen"
    assert result.exit_code != 0
    assert not (shown / "new").exists()


async def test_a_missing_command_is_an_error_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="could not be started"):
        await sandbox.run(("no-such-command",), folder=tmp_path, limits=Limits())


@pytest.mark.parametrize(
    ("code", "limits", "killed_by"),
    [
        ("import time; time.sleep(60)", Limits(wall_s=0.3), "wall"),
        ("while True: pass", Limits(cpu_s=1), "cpu"),
        ("while True: print('x' * 9999)", Limits(output_bytes=50_000), "output"),
    ],
)
async def test_a_limit_ends_it_and_is_named(
    sandbox: Sandbox, tmp_path: Path, code: str, limits: Limits, killed_by: str
) -> None:
    result = await sandbox.run((*PYTHON, "-c", code), folder=tmp_path, limits=limits)

    assert (result.exit_code, result.killed_by) == (None, killed_by)
    assert len(result.stdout) <= limits.output_bytes


async def test_no_file_grows_beyond_its_limit(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "open('big', 'wb').write(bytes(3_000_000))"

    result = await sandbox.run((*PYTHON, "-c", code), folder=tmp_path, limits=Limits(file_bytes=1_000_000))

    assert result.exit_code != 0
    assert (tmp_path / "big").stat().st_size <= 1_000_000


async def test_cancelling_kills_everything_before_it_returns(sandbox: Sandbox, tmp_path: Path) -> None:
    seconds = f"86400.{uuid.uuid4().int % 10**12}"
    command = ("/bin/sh", "-c", f"(setsid sleep {seconds} &) ; sleep {seconds}")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await sandbox.run(command, folder=tmp_path, limits=Limits())

    assert not [line for line in command_lines() if seconds in line]


async def test_background_processes_end_with_the_command(sandbox: Sandbox, tmp_path: Path) -> None:
    command = ("/bin/sh", "-c", "(setsid sleep 300 &) ; echo done")

    result = await sandbox.run(command, folder=tmp_path, limits=Limits(wall_s=30))

    assert (result.exit_code, result.stdout) == (0, b"done\n")


async def test_many_commands_run_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(sandbox.run(("echo", str(number)), folder=tmp_path, limits=Limits()))
            for number in range(20)
        ]

    assert [task.result().stdout for task in tasks] == [b"%d\n" % number for number in range(20)]


async def test_a_process_is_talked_to_line_by_line(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "import sys\nfor line in sys.stdin: print(line.strip().upper(), flush=True)"

    async with sandbox.open((*PYTHON, "-c", code), folder=tmp_path, limits=Limits()) as process:
        await process.send(b"one\n")
        assert await process.receive(timeout_s=20) == b"ONE\n"
        await process.send(b"two\n")
        assert await process.receive(timeout_s=20) == b"TWO\n"
        with pytest.raises(TimeoutError):
            await process.receive(timeout_s=0.05)
        await process.kill()
        await process.kill()
        assert await process.receive(timeout_s=5) == b""
        with pytest.raises(SandboxError):
            await process.send(b"three\n" * 100_000)


async def test_a_line_beyond_the_limit_is_an_error(sandbox: Sandbox, tmp_path: Path) -> None:
    code = "print('x' * 5_000_000, flush=True)"

    async with sandbox.open(
        (*PYTHON, "-c", code), folder=tmp_path, limits=Limits(output_bytes=100_000)
    ) as process:
        with pytest.raises(SandboxError, match="longer than"):
            await process.receive(timeout_s=20)


async def test_descriptors_are_given_back(sandbox: Sandbox, tmp_path: Path) -> None:
    await sandbox.run(("true",), folder=tmp_path, limits=Limits())
    before = open_descriptors()

    for _ in range(5):
        await sandbox.run(("true",), folder=tmp_path, limits=Limits())
        async with sandbox.open(("cat",), folder=tmp_path, limits=Limits()):
            pass

    assert open_descriptors() == before
