"""What a user reports with ``swe-fleet outcome`` is in the next deliberation's first events."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from command_line import environment, swe_fleet

from swe_ai_fleet.models.simulated.request import ChatRequest
from swe_ai_fleet.models.simulated.server import SimulatedModelServer

pytestmark = [pytest.mark.local, pytest.mark.nats, pytest.mark.timeout(240)]
TASK = "description: Say how an order is charged once.\ncouncil: {agents: 4, judges: 1}\n"
DELIBERATE = ("deliberate", "task.yaml", "--no-ray", "--quiet", "--json")


def answers(request: ChatRequest) -> str:
    """Different answers; the judge prefers whichever holds the lower number, and any to what holds none."""
    if request.json_schema is None:
        return f"Design number {request.number}."
    first, second = request.prompt.split("## First")[1].split("## Second")
    numbers = [
        int(text.split("Design number ")[1].split(".")[0]) if "Design number" in text else 10**6
        for text in (first, second)
    ]
    preferred = "tie" if numbers[0] == numbers[1] else "first" if numbers[0] < numbers[1] else "second"
    return json.dumps({"reason": "by number", "preferred": preferred})


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    (tmp_path / "task.yaml").write_text(TASK)
    async with SimulatedModelServer(script=answers) as models:
        yield environment(tmp_path, FLEET_MODELS__SIM__URL=models.url, FLEET_MODELS__SIM__MODEL="simulated")


async def test_a_merged_decision_and_a_pair_of_the_gold_set_change_the_weights_of_the_next_deliberation(
    env: dict[str, str], tmp_path: Path
) -> None:
    ended = await swe_fleet(*DELIBERATE, "--id", "d1", env=env, cwd=tmp_path)
    ranking = [place["proposal_id"] for place in json.loads(ended.stdout)["ranking"]]
    merged = await swe_fleet("outcome", "d1", "--merged", "--json", env=env, cwd=tmp_path)
    [reported] = json.loads(merged.stdout)
    assert (reported["about"], reported["task_class"]) == (f"d1/{ranking[0]}", "DEV-text")
    again = await swe_fleet("outcome", "d1", "--verdict", "good", "--json", env=env, cwd=tmp_path)
    assert json.loads(again.stdout) == [reported]
    pair = {"deliberation_id": "d1", "better": ranking[0], "worse": ranking[-1]}
    (tmp_path / "gold.jsonl").write_text(json.dumps(pair) + "\n")
    judged = await swe_fleet("outcome", "--gold", "gold.jsonl", env=env, cwd=tmp_path)
    assert "judge/sim:simulated: right" in judged.stdout
    await swe_fleet(*DELIBERATE, "--id", "d2", env=env, cwd=tmp_path)
    events = await swe_fleet("show", "d2", "--events", env=env, cwd=tmp_path)
    started = json.loads(events.stdout.splitlines()[1])
    assert started["reliability"][ranking[0].removesuffix(".0")] > 1
    assert set(started["judges"].values()) == {1.2}
    shown = await swe_fleet("show", "d2", "--json", env=env, cwd=tmp_path)
    assert "another version of the decision" not in shown.stdout


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("d9", "--merged"), "there is no deliberation d9"),
        (("d9",), "Give one of --merged"),
        (("d9", "--merged", "--rejected"), "Give one of --merged"),
        (("--merged",), "Give the ID"),
        (("d9", "--better", "dev-1.0"), "belong together"),
    ],
)
async def test_what_cannot_be_reported_is_bad_input(
    env: dict[str, str], tmp_path: Path, words: tuple[str, ...], problem: str
) -> None:
    ended = await swe_fleet("outcome", *words, env=env, cwd=tmp_path)
    assert ended.exit_code == 2
    assert problem in ended.stderr
