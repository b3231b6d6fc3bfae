"""An agent on a node of the cluster uses that node's credentials, not its driver's."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.settings import nats_of_this_node

DRIVER = NatsOptions(url="nats://nats:4222", token=SecretStr("t"), inbox_prefix="_INBOX_worker", request_s=3)


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("URL", "TOKEN", "NKEY_SEED_FILE", "NKEY_SEED", "CREDENTIALS_FILE", "INBOX_PREFIX"):
        monkeypatch.delenv(f"FLEET_NATS__{name}", raising=False)


def test_a_node_without_settings_does_as_its_driver() -> None:
    assert nats_of_this_node(DRIVER) == DRIVER


def test_a_node_with_credentials_uses_them_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_NATS__NKEY_SEED_FILE", "/etc/swe-ai-fleet/nats/seed")
    monkeypatch.setenv("FLEET_NATS__INBOX_PREFIX", "_INBOX_agent")
    assert nats_of_this_node(DRIVER) == NatsOptions(
        url="nats://nats:4222",
        nkey_seed_file=Path("/etc/swe-ai-fleet/nats/seed"),
        inbox_prefix="_INBOX_agent",
        request_s=3,
    )
