"""Spans of real processes: one deliberation is one tree, from the command line to the model server and the checks."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import ROOT, environment, started, swe_fleet
from kept_spans import Collector, Kept, ancestors, collecting, is_one_tree, named
from nats_server import running_nats_server
from stored_events import stored

from swe_ai_fleet.models.simulated import SimulatedModelServer
from swe_ai_fleet.models.simulated.answers import Script
from swe_ai_fleet.models.simulated.request import ChatRequest
from swe_ai_fleet.tracing import names

pytestmark = [
    pytest.mark.local,
    pytest.mark.nats,
    pytest.mark.ray,
    pytest.mark.sandbox,
    pytest.mark.timeout(300),
]
EXAMPLE = ROOT / "examples" / "inventory"


@pytest.fixture
def task(tmp_path: Path) -> str:
    """A task with checks, whose repository is one."""
    shutil.copytree(EXAMPLE, tmp_path / "inventory")
    for words in ("init -q", "add .", "-c user.name=u -c user.email=u@example.org commit -q -m none"):
        subprocess.run(["git", *words.split()], cwd=tmp_path / "inventory" / "stockroom", check=True)
    return str(tmp_path / "inventory" / "task.yaml")


def pids(spans: list[Kept], *wanted: str) -> set[int]:
    return {span.pid for span in spans if span.name.startswith(wanted)}


async def test_a_deliberation_on_ray_is_one_tree_over_its_processes(tmp_path: Path, task: str) -> None:
    heard: list[str] = []

    def script(request: ChatRequest) -> str | None:
        heard.append(request.headers["traceparent"])
        return None

    says: Script = script
    async with (
        collecting() as collector,
        running_nats_server(tmp_path / "nats") as record,
        SimulatedModelServer(script=says) as models,
    ):
        env = environment(
            tmp_path,
            FLEET_NATS__URL=record.url,
            FLEET_MODELS__SIM__URL=models.url,
            FLEET_MODELS__SIM__MODEL="simulated",
            FLEET_TELEMETRY__ENDPOINT=collector.endpoint,
        )
        ended = await swe_fleet("deliberate", task, "--agents", "3", "--id", "traced", env=env, cwd=tmp_path)
        assert ended.exit_code in (0, 3), ended.stderr
        events = await stored(record.url)
    spans = collector.spans
    assert is_one_tree(spans)
    [root] = [span for span in spans if not span.parent_id]
    assert root.name == "swe-fleet deliberate"
    chats = named(spans, "chat simulated")
    assert len(chats) == 3
    workflow = ["invoke_workflow deliberation", root.name]
    assert {tuple(ancestors(chat, spans)) for chat in chats} == {
        ("invoke_agent DEV", "ask propose", *workflow)
    }
    assert pids(spans, "ask", "invoke_workflow", "swe-fleet") == {root.pid}
    assert root.pid not in pids(spans, "invoke_agent", "chat")
    assert {header.split("-")[2] for header in heard} == {chat.span_id for chat in chats}
    assert {chat.attributes[names.PROVIDER] for chat in chats} == {"sim"}
    assert all(chat.attributes[names.OUTPUT_TOKENS] > 0 for chat in chats)
    ran = named(spans, "execute_tool checks")
    assert ran
    assert {tuple(ancestors(each, spans)) for each in ran} == {("check", *workflow)}
    assert {event["traceparent"].split("-")[1] for event in events} == {root.trace_id}


async def test_a_submitted_task_is_one_tree_with_the_worker_that_took_it(tmp_path: Path) -> None:
    async with (
        collecting() as collector,
        running_nats_server(tmp_path / "nats") as record,
        SimulatedModelServer() as models,
    ):
        env = environment(
            tmp_path,
            FLEET_NATS__URL=record.url,
            FLEET_MODELS__SIM__URL=models.url,
            FLEET_MODELS__SIM__MODEL="simulated",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint,
        )
        task = str(ROOT / "examples" / "text_only" / "task.yaml")
        async with started("worker", "--no-ray", env=env) as worker:
            ended = await swe_fleet("submit", task, "--wait", env=env)
            assert ended.exit_code == 0, ended.stderr
            worker.terminate()
            await worker.communicate()
            assert worker.returncode == 0
    check_submitted(collector)


def check_submitted(collector: Collector) -> None:
    spans = collector.spans
    assert is_one_tree(spans)
    [taken] = named(spans, "process FLEET_COMMANDS")
    assert ancestors(taken, spans) == ["swe-fleet submit"]
    [workflow] = named(spans, "invoke_workflow deliberation")
    assert ancestors(workflow, spans) == ["process FLEET_COMMANDS", "swe-fleet submit"]
    assert len({span.pid for span in spans}) == 2
    assert os.getpid() not in {span.pid for span in spans}
