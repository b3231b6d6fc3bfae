"""Model errors cross process boundaries: actors raise them, drivers read them."""

import pickle

import pytest

from swe_ai_fleet.errors import (
    FleetError,
    InputError,
    ModelRateLimitedError,
    ModelRequestError,
    ModelTimeoutError,
    TaskFileError,
    UnreachableError,
)


@pytest.mark.parametrize(
    "error",
    [
        ModelTimeoutError("vllm:m", "no answer"),
        ModelRateLimitedError("vllm:m", "429", retry_after_s=2.5),
        ModelRequestError("vllm:m", "too long", context_tokens=8192),
        UnreachableError("model", "http://127.0.0.1:1", "Start it."),
        InputError("model", "x", "no provider", "Write vllm:x."),
        TaskFileError("t.yaml", 3, "quorum", 9, "too many", "Lower it."),
    ],
)
def test_an_error_comes_back_from_another_process_with_its_type_message_and_attributes(
    error: FleetError,
) -> None:
    back = pickle.loads(pickle.dumps(error))

    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
    assert back.retryable is error.retryable
