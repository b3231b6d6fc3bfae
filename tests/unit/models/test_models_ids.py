"""Model ids, providers and the registry that turns one into clients of the other."""

import pickle
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from swe_ai_fleet.errors import InputError
from swe_ai_fleet.models.model_id import ModelId, parse_model_id, split_chain
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.models.registry import ModelRegistry
from swe_ai_fleet.models.resilience import RetryPolicy

LOCAL = "http://127.0.0.1:1"


def test_a_models_own_name_may_hold_slashes_and_colons() -> None:
    assert parse_model_id("vllm:Qwen/Qwen3-8B") == ModelId(provider="vllm", model="Qwen/Qwen3-8B")
    assert parse_model_id(" openrouter:meta/llama:free ").model == "meta/llama:free"
    assert str(parse_model_id("a:b:c")) == "a:b:c"
    assert parse_model_id("offline:repair").is_offline


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gpt-9", "Write provider:model, for example vllm:gpt-9"),
        ("", "provider is missing"),
        (":m", "provider is missing"),
        ("vllm:", "model is missing"),
        ("other:m", "Configured providers: offline, vllm"),
        ("vllm:m|", "provider is missing"),
        ("vllm:m|vllm:m", "twice"),
    ],
)
def test_what_is_no_model_id_is_refused_with_the_field_and_the_way_out(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        split_chain(text, known=["vllm"])
    assert caught.value.field == "model"


def test_a_fallback_order_keeps_its_order() -> None:
    chain = split_chain("vllm:a | openai:b|offline:repair")
    assert [str(link) for link in chain] == ["vllm:a", "openai:b", "offline:repair"]


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("http://h:8000", "http://h:8000/v1"),
        ("http://h:8000/", "http://h:8000/v1"),
        ("http://h/v1/", "http://h/v1"),
        ("https://h/api/v1", "https://h/api/v1"),
        ("https://h/v1beta/openai", "https://h/v1beta/openai"),
        ("https://h/gateway", "https://h/gateway/v1"),
    ],
)
def test_the_version_is_added_where_the_path_holds_none(given: str, url: str) -> None:
    assert Provider(name="vllm", base_url=given).url == url


def test_public_providers_need_no_address() -> None:
    assert Provider(name="openai").url == "https://api.openai.com/v1"
    assert Provider(name="openrouter").url == "https://openrouter.ai/api/v1"


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"name": "vllm"}, "base_url of provider 'vllm' must be"),
        ({"name": "vllm", "base_url": "h:8000"}, "must be http"),
        ({"name": "vllm", "base_url": "http://user:pw@h"}, "must hold no credentials"),
        ({"name": "vllm", "base_url": "http://h?key=s3cret"}, "must hold no credentials"),
        ({"name": "VLLM", "base_url": LOCAL}, "name"),
        ({"name": "vllm", "base_url": LOCAL, "concurrency": 0}, "concurrency"),
    ],
)
def test_a_provider_that_cannot_be_called_is_refused(fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Provider(**fields)


def test_a_registry_names_what_cannot_be_asked() -> None:
    registry = ModelRegistry([Provider(name="vllm", base_url=LOCAL)])
    with pytest.raises(InputError, match="no model server"):
        registry.client("vllm:m|offline:repair")
    with pytest.raises(InputError, match="no provider 'openai'"):
        registry.client("openai:m")
    assert [link.is_offline for link in registry.split("vllm:m|offline:repair")] == [False, True]


def test_two_providers_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="twice"):
        ModelRegistry([Provider(name="vllm", base_url=LOCAL), Provider(name="vllm", base_url=LOCAL)])


def test_a_pickled_registry_is_its_description_and_keeps_its_secrets_usable() -> None:
    key = SecretStr("s3cret")
    registry = ModelRegistry(
        [Provider(name="vllm", base_url=LOCAL, api_key=key)], retry=RetryPolicy(max_attempts=2)
    )
    registry.client("vllm:m")
    back = pickle.loads(pickle.dumps(registry))
    assert back.providers == registry.providers
    assert back.retry == registry.retry
    assert back.reports() == []


def test_an_impatient_policy_repeats_once_and_hardly_waits() -> None:
    policy = RetryPolicy().impatient()
    assert (policy.max_attempts, policy.patience_s) == (2, 1.0)
    assert RetryPolicy(max_attempts=1).impatient().max_attempts == 1
