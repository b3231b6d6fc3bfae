"""What JetStream's own errors mean: wait for it, or give up."""

import pytest

from swe_ai_fleet.errors import RecordUnavailableError
from swe_ai_fleet.messaging.nats_requests import JetStreamError, raise_for_error


@pytest.mark.parametrize(
    ("code", "err_code", "description"),
    [
        (503, 10008, "JetStream system temporarily unavailable"),
        (400, 10005, "no suitable peers for placement, peer offline"),
        (400, 10158, "duplicate message id is in process"),
    ],
)
def test_a_cluster_that_is_not_ready_yet_is_waited_for(code: int, err_code: int, description: str) -> None:
    error = {"code": code, "err_code": err_code, "description": description}
    with pytest.raises(RecordUnavailableError, match=description):
        raise_for_error({"error": error})


def test_a_refusal_is_told_with_its_number() -> None:
    with pytest.raises(JetStreamError, match="subjects overlap") as refusal:
        raise_for_error({"error": {"code": 400, "err_code": 10065, "description": "subjects overlap"}})
    assert refusal.value.err_code == 10065


def test_an_answer_is_no_error() -> None:
    raise_for_error({"config": {}})
