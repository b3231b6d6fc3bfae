"""Making Secrets and rotating keys."""

import base64
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from click.testing import CliRunner

from fleet_manifests.facts import declared_secrets

K8S = Path(__file__).parents[3] / "deploy" / "k8s"


@pytest.fixture(scope="module")
def make_secrets() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_secrets", K8S / "make_secrets.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_everything_declared_is_made_and_nothing_else(make_secrets: ModuleType) -> None:
    made = {name: set(keys) for name, keys in make_secrets.new_secrets().items()}
    made["nats-tls"] = {"tls.crt", "tls.key", "ca.crt"}
    declared = {secret.name: set(secret.keys) for secret in declared_secrets(K8S / "secrets.yaml").values()}
    declared.pop("hugging-face")
    assert made == declared


def test_no_two_installations_share_a_value(make_secrets: ModuleType) -> None:
    one, other = make_secrets.new_secrets(), make_secrets.new_secrets()
    values = [value for secrets in (one, other) for keys in secrets.values() for value in keys.values()]
    assert len(values) == len(set(values))


def test_the_accounts_know_every_seed_by_its_public_key(make_secrets: ModuleType) -> None:
    made = make_secrets.new_secrets()
    accounts = made["nats-accounts"]["nkeys.conf"]
    for name, keys in made.items():
        for key, seed in keys.items():
            if key.startswith("seed"):
                assert make_secrets.public_key(seed) in accounts, f"{name} {key}"
                assert seed not in accounts


def test_swapping_keeps_both_keys_valid_and_changes_nothing_else(make_secrets: ModuleType) -> None:
    made = make_secrets.new_secrets()
    assert make_secrets.swap(made, "worker") == {
        "nats-worker": {"seed": made["nats-worker"]["seed.next"], "seed.next": made["nats-worker"]["seed"]}
    }


def test_renewing_ends_the_unused_key_and_keeps_the_used_one(make_secrets: ModuleType) -> None:
    made = make_secrets.new_secrets()
    changed = make_secrets.renew(made, "agent")
    before, after = made["nats-agent"], changed["nats-agent"]
    accounts = changed["nats-accounts"]["nkeys.conf"]
    assert after["seed"] == before["seed"]
    assert make_secrets.public_key(before["seed.next"]) not in accounts
    assert make_secrets.public_key(after["seed.next"]) in accounts


def test_renewing_against_foreign_accounts_is_refused(make_secrets: ModuleType) -> None:
    mixed = make_secrets.new_secrets() | {"nats-accounts": make_secrets.new_secrets()["nats-accounts"]}
    with pytest.raises(ValueError, match="does not know the next key of worker"):
        make_secrets.renew(mixed, "worker")


def test_secrets_are_read_back_as_the_api_server_shows_them(make_secrets: ModuleType) -> None:
    made = make_secrets.new_secrets()
    items = []
    for document in yaml.safe_load_all(make_secrets.to_manifests(made, "fleet")):
        data = {
            key: base64.b64encode(value.encode()).decode() for key, value in document["stringData"].items()
        }
        items.append({"kind": "Secret", "metadata": document["metadata"], "data": data})
    assert make_secrets.from_manifests(yaml.safe_dump({"kind": "List", "items": items})) == made


def test_rotation_without_the_component_s_secret_says_so(make_secrets: ModuleType) -> None:
    result = CliRunner().invoke(
        make_secrets.main, ["rotate", "swap", "worker"], input="kind: List\nitems: []\n"
    )
    assert result.exit_code == 1
    assert "nats-worker" in result.output
