"""A mistyped setting is told, a known one is not."""

import pytest

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
