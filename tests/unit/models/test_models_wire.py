"""Requests as they are sent and answers as they are read."""

import json
from typing import Any

import pytest
from scripted_models import MODEL, ask

from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.errors import (
    ModelFilteredError,
    ModelMalformedError,
    ModelRateLimitedError,
    ModelServerError,
    ModelTruncatedError,
)
from swe_ai_fleet.models.adaptation import Adaptation
from swe_ai_fleet.models.wire import read_completion, request_body
from swe_ai_fleet.ports.models import Completion

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 0}}}


def sent(
    request: Any = None,
    *,
    adaptation: Adaptation | None = None,
    sends_priority: bool = False,
    sends_seed: bool = True,
    streams: bool = False,
) -> Any:
    return json.loads(
        request_body(
            request or ask(),
            model="m",
            adaptation=adaptation or Adaptation(),
            sends_priority=sends_priority,
            sends_seed=sends_seed,
            streams=streams,
        )
    )


def answer(
    content: str | None = "fine", *, finish_reason: str | None = "stop", usage: Any = None, **message: Any
) -> bytes:
    choice = {"message": {"content": content, **message}, "finish_reason": finish_reason}
    return json.dumps({"choices": [choice], "usage": usage}).encode()


def read(body: bytes, **request: Any) -> Completion:
    return read_completion(body, ask(**request), model_id=MODEL)


def test_a_plain_request_holds_what_was_asked_and_nothing_that_old_servers_refuse() -> None:
    assert sent(ask("why?", temperature=0.2, max_tokens=7, seed=3)) == {
        "model": "m",
        "messages": [{"role": "user", "content": "why?"}],
        "max_tokens": 7,
        "stream": False,
        "temperature": 0.2,
        "seed": 3,
        "logprobs": True,
    }


def test_a_seed_is_sent_only_where_the_server_bears_it() -> None:
    assert "seed" not in sent(ask(seed=3), sends_seed=False)


def test_priorities_are_vllms_and_only_sent_where_the_server_takes_them() -> None:
    assert "priority" not in sent(ask(priority="judge"))
    told = {
        p: sent(ask(priority=p), sends_priority=True)["priority"] for p in ("judge", "interactive", "batch")
    }
    assert told == {"judge": -10, "interactive": 0, "batch": 10}


def test_a_schema_is_sent_strict_and_relaxed_where_the_server_wants_it_so() -> None:
    request = ask(json_schema=SCHEMA, schema_name="verdict")
    wanted = sent(request)["response_format"]["json_schema"]
    assert (wanted["name"], wanted["strict"], wanted["schema"]) == ("verdict", True, SCHEMA)
    relaxed = sent(request, adaptation=Adaptation(relaxes_schema=True))
    assert relaxed["response_format"]["json_schema"]["schema"]["properties"] == {"a": {"type": "integer"}}


def test_a_stream_asks_for_its_usage_and_refused_fields_stay_away() -> None:
    assert sent(streams=True)["stream_options"] == {"include_usage": True}
    form = Adaptation(limit_field="max_completion_tokens", dropped=frozenset({"temperature", "logprobs"}))
    assert sent(adaptation=form) == {
        "model": "m",
        "messages": [{"role": "user", "content": "why?"}],
        "max_completion_tokens": 2000,
        "stream": False,
    }


@pytest.mark.parametrize(
    ("body", "text", "reasoning"),
    [
        (answer("yes", reasoning="because"), "yes", "because"),
        (answer("yes", reasoning_content="older name"), "yes", "older name"),
        (answer("<think>because</think>\n\nyes"), "yes", "because"),
        (answer("the template opened it\n</think>\n\nyes"), "yes", "the template opened it"),
        (answer("a </think> in the middle of a sentence"), "a </think> in the middle of a sentence", ""),
    ],
)
def test_reasoning_is_kept_apart_from_the_answer(body: bytes, text: str, reasoning: str) -> None:
    completion = read(body)
    assert (completion.text, completion.reasoning) == (text, reasoning)


def test_usage_and_cached_tokens_are_the_servers() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}}
    expected = Usage(requests=1, prompt_tokens=9, cached_tokens=8, completion_tokens=4)
    assert read(answer(usage=usage)).usage == expected
    assert read(answer(usage={"prompt_tokens": 9, "prompt_tokens_details": None})).usage.cached_tokens == 0
    assert read(answer()).usage == Usage(requests=1)


def test_an_answer_whose_tokens_nobody_counted_is_an_answer() -> None:
    body = {"choices": [{"message": {"content": "fine"}}], "usage": {"prompt_tokens": None}}
    assert read_completion(json.dumps(body).encode(), ask(), model_id=MODEL).usage == Usage(requests=1)


def test_confidence_is_the_mean_and_one_impossible_token_does_not_drown_it() -> None:
    document = json.loads(answer())
    document["choices"][0]["logprobs"] = {
        "content": [{"logprob": -1.0}, {"logprob": -9999.0}, {"logprob": 0.5}]
    }
    assert read(json.dumps(document).encode()).mean_logprob == pytest.approx(-101 / 3)
    assert read(answer()).mean_logprob is None


@pytest.mark.parametrize(
    ("body", "error", "told"),
    [
        (b"", ModelMalformedError, "not JSON"),
        (b"<html>bad gateway</html>", ModelMalformedError, "<html>"),
        (b"[]", ModelMalformedError, "not a chat completion"),
        (b'{"choices": []}', ModelMalformedError, "choices"),
        (b'{"choices": [{"message": {"content": 7}}]}', ModelMalformedError, "choices.0.message.content"),
        (answer(""), ModelMalformedError, "empty"),
        (answer(None), ModelMalformedError, "empty"),
        (answer(" \n "), ModelMalformedError, "empty"),
        (answer("", finish_reason="length"), ModelTruncatedError, "thinking"),
        (answer("<think>for ever", finish_reason="length"), ModelTruncatedError, "thinking"),
        (answer("", finish_reason="content_filter"), ModelFilteredError, "content filter"),
        (answer(None, refusal="I will not"), ModelFilteredError, "I will not"),
        (answer("half", finish_reason="abort"), ModelServerError, "abort"),
        (b'{"error": {"message": "upstream died"}}', ModelServerError, "upstream died"),
        (b'{"error": {"message": "slow down", "code": 429}}', ModelRateLimitedError, "slow down"),
    ],
)
def test_what_is_no_answer_is_told_by_its_kind(body: bytes, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        read(body)


def test_text_that_was_cut_is_still_text_but_json_that_was_cut_is_nothing() -> None:
    assert read(answer("half of it", finish_reason="length")).finish_reason == "length"
    with pytest.raises(ModelTruncatedError, match="JSON"):
        read(answer('{"a":', finish_reason="length"), json_schema=SCHEMA)
