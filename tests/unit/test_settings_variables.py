"""A mistyped setting is told, a known one is not."""

from pathlib import Path

import pytest

from swe_ai_fleet.cli.session import record_place
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.settings import load_settings, unknown_variables


def test_a_variable_that_names_no_setting_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_DATADIR", "/srv")
    monkeypatch.setenv("FLEET_DATA_DIR", "/srv")
    monkeypatch.setenv("FLEET_NATS__URL", "nats://nats:4222")
    monkeypatch.setenv("FLEET_TEST_VLLM_URL", "http://127.0.0.1:18000")
    assert unknown_variables() == ("FLEET_DATADIR",)


def test_checks_find_the_commands_of_the_active_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/srv/venv")
    assert str(load_settings().sandbox.virtual_env) == "/srv/venv"
    monkeypatch.setenv("FLEET_SANDBOX__VIRTUAL_ENV", "/srv/other")
    assert str(load_settings().sandbox.virtual_env) == "/srv/other"


SECRET = "opensesame"
WRONG: dict[str, tuple[dict[str, str], str]] = {
    # name: variables, what the message names
    "address beside a token": ({"FLEET_NATS__URL": "foo", "FLEET_NATS__TOKEN": SECRET}, "FLEET_NATS__URL"),
    "address beside a seed": ({"FLEET_NATS__URL": "foo", "FLEET_NATS__NKEY_SEED": SECRET}, "FLEET_NATS__URL"),
    "two credentials": (
        {"FLEET_NATS__TOKEN": SECRET, "FLEET_NATS__CREDENTIALS_FILE": "f"},
        "FLEET_NATS__CREDENTIALS_FILE, FLEET_NATS__TOKEN",
    ),
    "password in an address": ({"FLEET_NATS__URL": f"http://me:{SECRET}@h"}, "FLEET_NATS__URL"),
    "odd password": ({"FLEET_NATS__URL": f"nats://me:{SECRET}\uff0f@h"}, "FLEET_NATS__URL"),
    "password without a scheme": (
        {"FLEET_TELEMETRY__ENDPOINT": f"me:{SECRET}@h"},
        "FLEET_TELEMETRY__ENDPOINT",
    ),
    "unknown field": ({"FLEET_NATS__PASSWORD": SECRET}, "FLEET_NATS__PASSWORD"),
    "token in parts": ({"FLEET_RAY__TOKEN__A": SECRET}, "FLEET_RAY__TOKEN__A"),
    "text for a group": ({"FLEET_NATS": f'"{SECRET}"'}, "FLEET_NATS"),
    "broken JSON": ({"FLEET_NATS": f'{{"token": "{SECRET}"'}, "FLEET_NATS"),
    "broken JSON of a model": ({"FLEET_MODELS__VLLM": f'{{"api_key": "{SECRET}"'}, "FLEET_MODELS__VLLM"),
    "broken JSON of a field": ({"FLEET_RAY__RESOURCES": SECRET}, "FLEET_RAY__RESOURCES"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_setting_is_named_without_any_secret(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, named = WRONG[name]
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    with pytest.raises(InputError) as caught:
        load_settings()
    assert caught.value.field == named
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "url", [f"http://me:{SECRET}@h", f"http://me:{SECRET}\uff0f@h", f"http://h?key={SECRET}"]
)
def test_a_wrong_address_of_a_model_is_told_without_its_login(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_MODELS__VLLM__URL", url)
    with pytest.raises(InputError, match="FLEET_MODELS__VLLM__URL") as caught:
        load_settings().providers()
    assert SECRET not in str(caught.value)


def test_a_value_that_can_hold_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_AGENTS__MAX_TOKENS", "many")
    with pytest.raises(InputError, match=r"FLEET_AGENTS__MAX_TOKENS: .*\(given: 'many'\)"):
        load_settings()


def test_the_place_of_the_record_is_shown_without_its_login(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_NATS__URL", f"nats://me:{SECRET}@a:4222,nats://b:4222")
    assert record_place(load_settings()) == "nats://a:4222,nats://b:4222, stream FLEET_EVENTS"


DEFAULT = ".local/share/swe-ai-fleet"


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, f"home/{DEFAULT}"),
        ({"FLEET_DATA_DIR": ""}, f"home/{DEFAULT}"),
        ({"FLEET_DATA_DIR": "dd"}, "here/dd"),
        ({"FLEET_DATA_DIR": "~/dd"}, "home/dd"),
        ({"XDG_DATA_HOME": ""}, f"home/{DEFAULT}"),
        ({"XDG_DATA_HOME": "share"}, f"home/{DEFAULT}"),
        ({"HOME": "home"}, f"here/home/{DEFAULT}"),
    ],
)
def test_the_data_folder_does_not_depend_on_who_asks(
    variables: dict[str, str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for variable, value in ({"HOME": str(tmp_path / "home")} | variables).items():
        monkeypatch.setenv(variable, value)
    assert load_settings().data_dir == tmp_path / folder


def test_a_home_folder_that_nobody_has_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_DATA_DIR", "~nobody-of-that-name/dd")
    with pytest.raises(InputError, match="FLEET_DATA_DIR: Could not determine home directory"):
        load_settings()
