"""Structure in, structure out; nothing is guessed."""

import json
from typing import Any

import jsonschema
import pytest
from assignments import proposal
from hypothesis import given
from hypothesis import strategies as st

from swe_ai_fleet.orchestrator.agents.parsing import (
    UnreadableError,
    blind_labels,
    critique_form,
    json_objects,
    read_critiques,
)

LABELS = {"P1": proposal("ada"), "P2": proposal("bob")}


def review(**fields: Any) -> dict[str, Any]:
    return {"verdict": "reject", "tenths": 1, "defects": ["wrong"], "suggestion": "", **fields}


def answer(**reviews: Any) -> str:
    return json.dumps({"P1": review(), "P2": review(), **reviews})


def test_what_the_schema_accepts_is_readable() -> None:
    jsonschema.validate(json.loads(answer()), critique_form(list(LABELS)).schema)
    first, second = read_critiques(answer(P2=review(verdict="accept", tenths=10)), LABELS, reviewer_id="eve")
    assert (first.proposal_id, first.verdict, first.score, first.defects) == (
        "ada.0",
        "reject",
        0.1,
        ("wrong",),
    )
    assert (second.proposal_id, second.verdict, second.score) == ("bob.0", "accept", 1.0)
    assert {first.reviewer_id, second.reviewer_id} == {"eve"}


def test_long_remarks_are_clipped() -> None:
    long = review(defects=["d" * 1000] * 9, suggestion="s" * 1000)
    first, _ = read_critiques(answer(P1=long), LABELS, reviewer_id="eve")
    assert [len(defect) for defect in first.defects] == [240, 240, 240]
    assert len(first.suggestion) == 400


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        (json.dumps({"P1": review()}), "exactly P1, P2"),
        (answer(P3=review()), "exactly P1, P2"),
        (answer(P1=review(verdict="good")), "P1.verdict"),
        (answer(P1=review(tenths=-1)), "P1.tenths"),
        (answer(P1=review(extra=1)), "P1.extra"),
        (answer(P1="fine"), "P1"),
    ],
)
def test_what_is_wrong_is_named(text: str, problem: str) -> None:
    with pytest.raises(UnreadableError, match=problem):
        read_critiques(text, LABELS, reviewer_id="eve")


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        read_critiques(text, LABELS, reviewer_id="eve")


@pytest.mark.parametrize("text", ["{" * 1_000_000, '{"a":' * 100_000, '{"a":' * 990 + "1" + "}" * 990])
def test_hostile_nesting_ends(text: str) -> None:
    assert len(list(json_objects(text))) <= 1


def test_objects_are_found_between_words_and_not_inside_each_other() -> None:
    text = 'See {"a": {"b": 1}} and {not json} and ```{"c": "}"}```'
    assert list(json_objects(text)) == [{"a": {"b": 1}}, {"c": "}"}]


def test_bare_control_characters_in_strings_are_read() -> None:
    assert list(json_objects('{"a": "one\x0btwo\ttabs"}')) == [{"a": "one\x0btwo\ttabs"}]


def test_labels_depend_on_the_seed_and_not_on_the_order() -> None:
    proposals = [proposal(f"agent-{number}") for number in range(6)]
    assert blind_labels(proposals, seed=3) == blind_labels(proposals[::-1], seed=3)
    orders = {tuple(p.agent_id for p in blind_labels(proposals, seed=seed).values()) for seed in range(9)}
    assert len(orders) > 1
