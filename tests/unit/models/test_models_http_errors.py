"""Statuses, bodies and headers of failed calls, as the fleet's own errors."""

import pytest

from swe_ai_fleet.errors import (
    ModelError,
    ModelFilteredError,
    ModelRateLimitedError,
    ModelRequestError,
    ModelServerError,
    ModelTimeoutError,
)
from swe_ai_fleet.models.http_errors import error_of_answer, read_retry_after, rejected_field

MODEL = "vllm:m"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (302, ModelRequestError),
        (400, ModelRequestError),
        (401, ModelRequestError),
        (404, ModelRequestError),
        (408, ModelTimeoutError),
        (422, ModelRequestError),
        (429, ModelRateLimitedError),
        (500, ModelServerError),
        (502, ModelServerError),
        (503, ModelRateLimitedError),
        (504, ModelServerError),
    ],
)
def test_a_status_has_one_kind_of_error_and_the_servers_words_are_in_it(
    status: int, error: type[ModelError]
) -> None:
    told = error_of_answer(status, {}, b'{"error": {"message": "as it says"}}', MODEL)
    assert type(told) is error
    assert f"HTTP {status}: as it says" in str(told)


def test_a_filtered_prompt_is_filtered_whatever_the_status() -> None:
    body = b'{"error": {"message": "no", "code": "content_filter"}}'
    assert type(error_of_answer(400, {}, body, MODEL)) is ModelFilteredError


@pytest.mark.parametrize(
    "message",
    [
        "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
        "prompt is longer than max_model_len=4096",
        "exceeds the context window of this model (4096 tokens)",
    ],
)
def test_a_request_longer_than_the_context_tells_the_limit(message: str) -> None:
    told = error_of_answer(400, {}, b'{"message": "%s"}' % message.encode(), MODEL)
    assert isinstance(told, ModelRequestError)
    assert told.context_tokens == 4096


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"Retry-After": "-3"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "9", "Retry-After-Ms": "250"}, 0.25),
        (
            {"Retry-After": "Thu, 01 Jan 2026 00:00:30 GMT", "Date": "Thu, 01 Jan 2026 00:00:10 GMT"},
            20.0,
        ),
        ({"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT", "Date": "Thu, 01 Jan 2026 00:00:10 GMT"}, 0.0),
    ],
)
def test_the_servers_wish_is_read_in_every_form_and_nonsense_is_none(
    headers: dict[str, str], seconds: float | None
) -> None:
    assert read_retry_after(headers) == seconds


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[1]",
        b'"text"',
        b'{"error": null}',
        b'{"error": "text"}',
        b'{"detail": 3}',
    ],
)
def test_no_error_body_is_too_odd_to_be_read(body: bytes) -> None:
    assert type(error_of_answer(500, {}, body, MODEL)) is ModelServerError


def test_an_error_keeps_only_the_beginning_of_a_long_body() -> None:
    assert len(str(error_of_answer(500, {}, b"x" * 10**6, MODEL))) < 400


def test_the_rejected_field_is_the_one_that_the_error_names() -> None:
    assert rejected_field(b'{"error": {"message": "no", "param": "seed"}}') == ("seed", "no")
    assert rejected_field(b'{"error": {"message": "no"}}') == (None, "no")
