"""QA agents in a whole deliberation: a model server with prepared answers, the real sandbox, the real record."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from command_line import Ended, environment, swe_fleet
from sandboxes import make_repository

from swe_ai_fleet.models.simulated.request import ChatRequest
from swe_ai_fleet.models.simulated.server import SimulatedModelServer

pytestmark = [pytest.mark.local, pytest.mark.nats, pytest.mark.sandbox, pytest.mark.timeout(600)]
MODES = [pytest.param(("--no-ray",), id="in_process"), pytest.param((), id="ray", marks=pytest.mark.ray)]

SOURCE = "def reorder(stock, minimum):\n    return max(0, minimum - stock)\n"
VISIBLE = "from inventory import reorder\n\ndef test_below(): assert reorder(1, 3) == 3\n"
TASK = """\
description: |
  reorder() orders one unit too few when the stock is at or below the minimum.
repo: ./inventory
checks:
  - {name: tests, command: PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 python -m pytest -q tests/test_inventory.py}
protected_paths: [tests/**]
council: {agents: 3}
budget: {seconds: 600}
"""
FUNCTION = """\
description: |
  Write `def following(x: int) -> int:`, the smallest even number above x.

  >>> following(2)
  4
entry_point: following
council: {agents: 3, qa: 2}
budget: {seconds: 600}
"""
TESTERS, SECOND, THIRD = "Propose the", "Start from what failed", "Name two different causes"
"""What only the prompts of testers, and of the second and third of a kind, hold."""


def patch(body: str) -> str:
    old = SOURCE.splitlines()[1]
    return f"inventory.py\n<<<<<<< SEARCH\n{old}\n=======\n    {body}\n>>>>>>> REPLACE\n"


WRONG = patch("return minimum - stock + 1 if stock < minimum else 0")
ALSO_WRONG = patch("return 0 if stock >= minimum else 1 + minimum - stock")
RIGHT = patch("return 0 if stock > minimum else minimum - stock + 1")
SHOWS = (
    "The boundary decides.\n\ntests/test_boundary.py\n```python\nfrom inventory import reorder\n\n"
    "def test_equal(): assert reorder(3, 3) == 1\n\ndef test_above(): assert reorder(5, 3) == 0\n```\n"
)
HOSTILE = (
    "tests/test_sly.py\n```python\nimport os, pathlib, sys\n"
    "for path in pathlib.Path('/').glob('**/inventory.py'):\n"
    "    try: path.write_text('def reorder(stock, minimum): return 1')\n    except OSError: pass\n"
    "def test_everything(): os._exit(0)\n```\n"
)


def developers(request: ChatRequest) -> str:
    if SECOND in request.prompt:
        return RIGHT
    return ALSO_WRONG if THIRD in request.prompt else WRONG


def honest(request: ChatRequest) -> str:
    """One QA agent whose test shows the defect."""
    return SHOWS if TESTERS in request.prompt else developers(request)


def with_a_hostile_one(request: ChatRequest) -> str:
    """The same, and a second QA agent that tries to pass for everybody and to change the others."""
    return HOSTILE if TESTERS in request.prompt and SECOND in request.prompt else honest(request)


def functions(request: ChatRequest) -> str:
    """Two of three see the odd numbers; of the testers one is right, and one wants to break out."""
    right = "Here:\n```python\ndef following(x: int) -> int:\n    return x + 2 - x % 2\n```\n"
    if TESTERS in request.prompt:
        escape = "assert following(open('/etc/passwd').read()) == 1\nassert following(7) == 9\nassert False"
        return escape if SECOND in request.prompt else "```python\nassert following(3) == 4\n```"
    if THIRD in request.prompt:
        return right.replace("x + 2 - x % 2", "x - x % 2 + 2")
    return right if SECOND in request.prompt else right.replace("x + 2 - x % 2", "x + 2")


@pytest.fixture
async def models() -> AsyncIterator[SimulatedModelServer]:
    async with SimulatedModelServer() as server:
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_repository(tmp_path / "inventory", {"inventory.py": SOURCE, "tests/test_inventory.py": VISIBLE})
    (tmp_path / "task.yaml").write_text(TASK)
    (tmp_path / "function.yaml").write_text(FUNCTION)
    return tmp_path


async def fleet(folder: Path, models: SimulatedModelServer, *words: str) -> Ended:
    env = environment(folder, FLEET_MODELS__SIM__URL=models.url, FLEET_MODELS__SIM__MODEL="simulated")
    return await swe_fleet(*words, env=env, cwd=folder)


async def decided(folder: Path, models: SimulatedModelServer, *words: str) -> dict[str, Any]:
    ended = await fleet(folder, models, "deliberate", *words, "--json", "--seed", "7")
    assert ended.exit_code == 0, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout)
    shown = await fleet(folder, models, "show", result["deliberation_id"], "--json")
    assert shown.stdout == ended.stdout
    return result


def scores(result: dict[str, Any], part: str) -> dict[str, float]:
    return {place["proposal_id"]: place["score"][part] for place in result["ranking"]}


@pytest.mark.parametrize("mode", MODES)
async def test_a_reproduction_separates_answers_that_all_pass_the_visible_checks(
    mode: tuple[str, ...], folder: Path, models: SimulatedModelServer
) -> None:
    models.script = with_a_hostile_one
    result = await decided(folder, models, "task.yaml", "--qa", "2", "--id", "both", *mode)
    assert result["winner"]["proposal_id"] == "dev-2.0"
    assert "reproduction" in result["reason"]
    assert scores(result, "unresolved") == {"dev-1.0": 0.0, "dev-2.0": 0.0, "dev-3.0": 0.0}
    assert scores(result, "reproduction") == {"dev-1.0": 0.0, "dev-2.0": 1.0, "dev-3.0": 0.0}
    assert (folder / "inventory" / "inventory.py").read_text() == SOURCE

    text = (await fleet(folder, models, "show", "both")).stdout
    assert "reproduction, 1 of 3: 1 of 2 proposed tests count" in text
    events = (await fleet(folder, models, "show", "both", "--events")).stdout.splitlines()
    tried = {e["agent_id"]: e["report"] for e in map(json.loads, events) if e["type"] == "checked"}
    assert not tried["tester-2"]["applied"]
    assert "ended before it had finished" in tried["tester-2"]["reason"]
    await fleet(folder, models, "report", "both", "--out", "page.html")
    page = (folder / "page.html").read_text()
    assert "Passes proposed tests that show the defect" in page
    assert "test_boundary.py::test_equal" in page


async def test_a_hostile_tester_changes_nothing_for_anybody(
    folder: Path, models: SimulatedModelServer
) -> None:
    models.script = honest
    alone = await decided(folder, models, "task.yaml", "--qa", "1", "--no-ray")
    models.script = with_a_hostile_one
    beside = await decided(folder, models, "task.yaml", "--qa", "2", "--no-ray")
    for part in ("new_failures", "unresolved", "agreement", "reproduction", "reproduction_with_own_tests"):
        assert scores(beside, part) == scores(alone, part)
    assert beside["winner"]["patch"] == alone["winner"]["patch"]


@pytest.mark.parametrize("mode", MODES)
async def test_functions_are_decided_by_what_they_return(
    mode: tuple[str, ...], folder: Path, models: SimulatedModelServer
) -> None:
    models.script = functions
    result = await decided(folder, models, "function.yaml", *mode)
    assert result["winner"]["agent_id"] in {"dev-2", "dev-3"}
    assert result["ranking"][-1]["agent_id"] == "dev-1"
    (agreement,) = [tier for tier in result["tiers"] if tier["tier"] == "agreement"]
    assert set(agreement["kept"]) <= {"dev-2.0", "dev-3.0"}
    assert result["ranking"][0]["support"] == pytest.approx(2 / 3, abs=1e-6)
