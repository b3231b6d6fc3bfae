"""What prompts could share, counted as a prefix cache of blocks counts it."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from swe_ai_fleet.bench.prefix import shareable_tokens, with_role_first
from swe_ai_fleet.bench.surroundings import asking, settings_of, text_settings
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.settings import Settings

COMMON = list(range(40))


@pytest.mark.parametrize(
    ("prompts", "shared"),
    [
        ([COMMON], 0),
        ([COMMON, [*COMMON, 1], [*COMMON, 2]], 2 * 32),
        ([COMMON, [99, *COMMON]], 0),
        ([COMMON[:32], COMMON[:32]], 16),
        ([COMMON[:32], COMMON[:33]], 32),
        ([COMMON[:16] * 2, COMMON[:16] * 3], 32),
    ],
    ids=["alone", "common", "shifted", "whole prompt", "one token more", "repeated block"],
)
def test_whole_blocks_of_a_common_beginning_are_shared(prompts: list[list[int]], shared: int) -> None:
    assert shareable_tokens(prompts, set()) == shared


def test_what_earlier_prompts_left_is_shared_too() -> None:
    seen: set[tuple[int, int]] = set()
    assert shareable_tokens([COMMON], seen) == 0
    assert shareable_tokens([COMMON], seen) == 32


def test_the_usual_order_begins_with_the_role() -> None:
    messages = [
        {"role": "system", "content": "Rules."},
        {"role": "user", "content": "# Task\n\nDo it.\n\n# You\n\nYou are DEV."},
    ]
    assert with_role_first(messages) == [
        {"role": "user", "content": "You are DEV.\n\n# Task\n\nDo it.\n\nRules."}
    ]


def test_a_peer_reaches_the_same_record() -> None:
    nats = NatsOptions(url="nats://127.0.0.1:4222", token=SecretStr("open"))
    settings = Settings(data_dir=Path("/fleet"), nats=nats)
    there = settings_of(text_settings(settings))
    assert there.nats.token == SecretStr("open")
    assert (there.nats.url, there.data_dir) == (settings.nats.url, settings.data_dir)
    assert not there.ray.enabled


def test_agents_are_dealt_the_model_servers_in_turn() -> None:
    settings = asking(Settings(), "http://one/v1", "http://two/v1")
    assert {name: model.url for name, model in settings.models.items()} == {
        "simulated": "http://one/v1",
        "simulated1": "http://two/v1",
    }
