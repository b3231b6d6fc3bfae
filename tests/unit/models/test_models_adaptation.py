"""What a server refuses, and the form that is tried next."""

import pytest
from pydantic import JsonValue

from swe_ai_fleet.models.adaptation import Adaptation, relaxed_schema


@pytest.mark.parametrize(
    ("param", "message", "expected"),
    [
        ("seed", "Unsupported parameter: 'seed'", Adaptation(dropped=frozenset({"seed"}))),
        (None, "logprobs are not supported by this model", Adaptation(dropped=frozenset({"logprobs"}))),
        (
            "max_tokens",
            "Use 'max_completion_tokens' instead.",
            Adaptation(limit_field="max_completion_tokens"),
        ),
        (
            "response_format",
            "Invalid schema: 'maxLength' is not permitted",
            Adaptation(relaxes_schema=True),
        ),
        (None, "grammar could not be compiled", Adaptation(relaxes_schema=True)),
        ("messages", "This model's maximum context length is 4096 tokens", None),
        (None, "something else is wrong", None),
    ],
)
def test_a_rejection_leads_to_the_next_form_or_to_none(
    param: str | None, message: str, expected: Adaptation | None
) -> None:
    assert Adaptation().after_rejection(param, message) == expected


def test_a_schema_that_is_refused_again_without_bounds_is_dropped() -> None:
    relaxed = Adaptation().after_rejection("response_format", "no")
    assert relaxed is not None
    without = relaxed.after_rejection("response_format", "no")
    assert without == Adaptation(relaxes_schema=True, dropped=frozenset({"response_format"}))
    assert without.after_rejection("response_format", "no") is None


def test_no_form_is_tried_twice() -> None:
    form: Adaptation | None = Adaptation()
    forms = []
    while form is not None:
        assert form not in forms
        forms.append(form)
        form = form.after_rejection("seed", "no")
    assert len(forms) == 2


def test_a_relaxed_schema_keeps_its_shape_and_properties_that_are_named_like_bounds() -> None:
    schema: JsonValue = {
        "type": "object",
        "properties": {
            "pattern": {"type": "string", "pattern": "^a", "maxLength": 9},
            "scores": {"type": "array", "items": {"type": "number", "minimum": 0, "maximum": 1}},
        },
        "required": ["pattern", "scores"],
    }
    assert relaxed_schema(schema) == {
        "type": "object",
        "properties": {
            "pattern": {"type": "string"},
            "scores": {"type": "array", "items": {"type": "number"}},
        },
        "required": ["pattern", "scores"],
    }
