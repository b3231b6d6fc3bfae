"""Options of the connection: wrong ones are named."""

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from swe_ai_fleet.messaging.options import NatsOptions


def test_nothing_given_means_embedded() -> None:
    assert NatsOptions().url is None
    assert NatsOptions().addresses == ()


def test_several_servers_are_joined_by_commas() -> None:
    options = NatsOptions(url="nats://a:4222, tls://b:4222,nats://[::1]:4222")
    assert options.addresses == ("nats://a:4222", "tls://b:4222", "nats://[::1]:4222")


@pytest.mark.parametrize("url", ["localhost:4222", "http://a:4222", "nats://", "nats://a:4222,b"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="nats://host:port"):
        NatsOptions(url=url)


def test_one_kind_of_credentials_is_enough() -> None:
    with pytest.raises(ValidationError, match="give one of"):
        NatsOptions(nkey_seed=SecretStr("SU"), nkey_seed_file=Path("seed"))


@pytest.mark.parametrize("prefix", ["", "a..b", "a.*", ">", "a b", ".a"])
def test_an_inbox_prefix_is_a_plain_subject(prefix: str) -> None:
    with pytest.raises(ValidationError, match="inbox_prefix"):
        NatsOptions(inbox_prefix=prefix)


def test_secrets_are_not_shown() -> None:
    shown = repr(NatsOptions(token=SecretStr("opensesame")))
    assert "opensesame" not in shown


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValidationError, match="urls"):
        NatsOptions.model_validate({"urls": "nats://a:4222"})
