"""The README's lines of Python do what they show."""

import ast
import inspect
from pathlib import Path

import pytest
from documents import blocks

from swe_ai_fleet.models.simulated import SimulatedModelServer

README = Path(__file__).parents[2] / "README.md"


async def test_the_plain_agent_answers(capsys: pytest.CaptureFixture[str]) -> None:
    [snippet] = [block.body for block in blocks(README) if block.language == "python"]
    async with SimulatedModelServer() as server:
        text = snippet.replace("http://gpu-1:8000/v1", server.url).replace("Qwen/Qwen3-8B", "simulated")
        code = compile(text, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        running = eval(code, {})  # the reader's own lines
        assert inspect.isawaitable(running)
        await running
    printed = capsys.readouterr().out.split()
    assert len(printed) > 1
    assert int(printed[-1]) > 0
