"""What is needed and does not answer is named, with the way to start it, and the command ends with 4."""

import socket
from pathlib import Path

import pytest
from command_line import ROOT, environment, swe_fleet

pytestmark = pytest.mark.local
TASK = str(ROOT / "examples" / "text_only" / "task.yaml")


@pytest.fixture
def nobody() -> str:
    """An address on loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.mark.parametrize(
    ("name", "form", "says"),
    [
        ("FLEET_NATS__URL", "nats://{}", "NATS"),
        ("FLEET_RAY__ADDRESS", "{}", "Ray"),
        ("FLEET_MODELS__VLLM__URL", "http://{}", "model"),
    ],
)
async def test_a_server_that_does_not_answer_is_named(
    tmp_path: Path, nobody: str, name: str, form: str, says: str
) -> None:
    settings = {"FLEET_MODELS__VLLM__MODEL": "tiny"} if "MODELS" in name else {}
    env = environment(tmp_path, **settings, **{name: form.format(nobody)})
    options = () if "RAY" in name else ("--no-ray",)
    ended = await swe_fleet("deliberate", TASK, *options, env=env)
    assert ended.exit_code == 4
    assert ended.stdout == ""
    error = next(line for line in ended.stderr.splitlines() if line.startswith("Error: "))
    assert error.startswith(f"Error: {says} does not answer at")
    assert nobody in error
