"""The documents and files of a deliberation, and the doctor, as a user's scripts meet them."""

import json
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import pytest
from command_line import environment, swe_fleet

from swe_ai_fleet.cli.schemas import schema_of
from swe_ai_fleet.models.simulated.server import SimulatedModelServer

pytestmark = [pytest.mark.local, pytest.mark.nats, pytest.mark.timeout(240)]
TASK = "description: Say how an order is charged once.\ncouncil: {agents: 3, rounds: 1}\n"


@pytest.fixture
async def env(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    (tmp_path / "task.yaml").write_text(TASK)
    async with SimulatedModelServer() as models:
        yield environment(tmp_path, FLEET_MODELS__SIM__URL=models.url, FLEET_MODELS__SIM__MODEL="simulated")


async def test_json_is_one_valid_document_and_the_record_says_the_same(
    env: dict[str, str], tmp_path: Path
) -> None:
    ended = await swe_fleet(
        "deliberate", "task.yaml", "--no-ray", "--json", "--seed", "7", "--out", "out", env=env, cwd=tmp_path
    )
    assert ended.exit_code == 0, ended.stderr
    result = json.loads(ended.stdout)
    jsonschema.Draft202012Validator(schema_of("result")).validate(result)
    assert result["seed"] == 7
    assert (tmp_path / "out" / "result.json").read_text() == ended.stdout
    assert (tmp_path / "out" / "winner.md").read_text() == result["winner"]["content"]
    assert result["winner"]["proposal_id"] in (tmp_path / "out" / "report.html").read_text()
    shown = await swe_fleet("show", result["deliberation_id"], "--json", env=env, cwd=tmp_path)
    assert shown.stdout == ended.stdout
    listed = await swe_fleet("list", env=env, cwd=tmp_path)
    assert f"{result['deliberation_id']}  decided" in listed.stdout
    written = await swe_fleet(
        "report", result["deliberation_id"], "--out", "page.html", env=env, cwd=tmp_path
    )
    assert written.stdout == "Written: page.html\n"
    assert result["winner"]["proposal_id"] in (tmp_path / "page.html").read_text()


async def test_every_recorded_event_is_valid_by_the_published_schema(
    env: dict[str, str], tmp_path: Path
) -> None:
    await swe_fleet("deliberate", "task.yaml", "--no-ray", "--quiet", "--id", "d1", env=env, cwd=tmp_path)
    shown = await swe_fleet("show", "d1", "--events", env=env, cwd=tmp_path)
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    validator = jsonschema.Draft202012Validator(schema_of("event"))
    for event in events:
        validator.validate(event)
    assert {"requested", "proposed", "critiqued", "ranked", "closed"} <= {event["type"] for event in events}


async def test_a_model_that_is_not_offered_is_bad_input(env: dict[str, str], tmp_path: Path) -> None:
    ended = await swe_fleet(
        "deliberate", "task.yaml", "--no-ray", "--model", "sim:none", env=env, cwd=tmp_path
    )
    assert ended.exit_code == 2
    assert "the server does not offer it" in ended.stderr


async def test_the_doctor_finds_everything_well(env: dict[str, str], tmp_path: Path) -> None:
    ended = await swe_fleet("doctor", "--json", env=env, cwd=tmp_path)
    document = json.loads(ended.stdout)
    found = {finding["name"]: finding["status"] for finding in document["findings"]}
    assert found.keys() == {"Python", "git", "disk", "sandbox", "NATS", "Ray", "model sim"}
    assert {status for name, status in found.items() if name != "sandbox"} == {"ok"}
    assert document["ok"] is (ended.exit_code == 0)


async def test_the_doctor_names_each_broken_part_and_its_cure(env: dict[str, str], tmp_path: Path) -> None:
    broken = {
        "FLEET_NATS__URL": "nats://127.0.0.1:9",
        "FLEET_RAY__ADDRESS": "127.0.0.1:9",
        "FLEET_MODELS__SIM__MODEL": "none",
        "FLEET_MODELS__FAR__URL": "http://127.0.0.1:9",
        "FLEET_MODELS__FAR__MODEL": "far",
    }
    ended = await swe_fleet("doctor", "--json", env={**env, **broken}, cwd=tmp_path)
    assert ended.exit_code == 4
    cures = {f["name"]: f["fix"] for f in json.loads(ended.stdout)["findings"] if f["status"] == "failed"}
    cures.pop("sandbox", None)
    assert cures.keys() == {"NATS", "Ray", "model far", "model sim"}
    assert cures["NATS"].startswith("Start it: nats-server -js")
    assert cures["Ray"].startswith("Start it: ray start --head --port=9")
    assert cures["model far"].startswith("Start it: vllm serve far --port 9")
    assert cures["model sim"] == "export FLEET_MODELS__SIM__MODEL=..."
    told = await swe_fleet("doctor", env={**env, **broken}, cwd=tmp_path)
    assert all(cure.split()[0] in told.stdout for cure in cures.values())


async def test_a_folder_that_cannot_be_written_is_named_before_anything_is_lost(
    env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file")
    ended = await swe_fleet(
        "deliberate", "task.yaml", "--no-ray", "--out", "taken", "--id", "kept", env=env, cwd=tmp_path
    )
    assert ended.exit_code == 2
    assert "'taken' is a file" in ended.stderr


async def test_a_result_that_cannot_be_written_is_told_all_the_same(
    env: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "out" / "report.html").mkdir(parents=True)
    command = ("deliberate", "task.yaml", "--no-ray", "--json", "--out", "out", "--id", "kept")
    ended = await swe_fleet(*command, env=env, cwd=tmp_path)
    assert ended.exit_code == 2
    assert json.loads(ended.stdout)["outcome"] == "decided"
    assert "--out: cannot be written: Is a directory" in ended.stderr
    assert "`swe-fleet show kept`" in ended.stderr


async def test_an_id_is_the_same_deliberation_only_for_the_same_task(
    env: dict[str, str], tmp_path: Path
) -> None:
    repository(tmp_path / "stock")
    (tmp_path / "task.yaml").write_text(f"{TASK}repo: ./stock\n")
    (tmp_path / "other.yaml").write_text(f"{TASK.replace('charged', 'sent')}repo: ./stock\n")
    command = ("--no-ray", "--quiet", "--json", "--id", "s1")
    first = await swe_fleet("deliberate", "task.yaml", *command, env=env, cwd=tmp_path)
    again = await swe_fleet(
        "deliberate", "task.yaml", *command, "--seed", "5", "--repo", "stock", env=env, cwd=tmp_path
    )
    assert first.stdout
    assert (again.exit_code, again.stdout) == (first.exit_code, first.stdout)
    other = await swe_fleet("deliberate", "other.yaml", *command, "--apply", env=env, cwd=tmp_path)
    assert (other.exit_code, other.stdout) == (2, "")
    assert "--id: is on the record for another task or commit (given: 's1'). Give another id" in other.stderr


@pytest.mark.sandbox
async def test_a_check_command_that_does_not_exist_is_bad_input_and_on_the_record(
    env: dict[str, str], tmp_path: Path
) -> None:
    repository(tmp_path / "stock")
    task = "description: fix it\nrepo: ./stock\nchecks:\n  - {name: tests, command: nonsense-command -q}\n"
    (tmp_path / "task.yaml").write_text(task)
    ended = await swe_fleet("deliberate", "task.yaml", "--no-ray", "--id", "d1", env=env, cwd=tmp_path)
    assert ended.exit_code == 2, ended.stderr
    assert "task.yaml:4: checks.tests.command: " in ended.stderr
    assert "nonsense-command" in ended.stderr
    shown = await swe_fleet("show", "d1", "--json", env=env, cwd=tmp_path)
    assert json.loads(shown.stdout)["outcome"] == "failed"


def repository(folder: Path) -> None:
    folder.mkdir()
    (folder / "stock.py").write_text("x = 1\n")
    who = ("-c", "user.name=user", "-c", "user.email=user@example.org")
    for words in (("init", "-q"), ("add", "-A"), (*who, "commit", "-qm", "as it is")):
        subprocess.run(["git", *words], cwd=folder, check=True)
