"""What models answer where a structure is demanded: the schema that is sent, and the reading of what comes."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from swe_ai_fleet.domain.proposal import Proposal, Usage
from swe_ai_fleet.domain.review import Critique
from swe_ai_fleet.errors import ModelError, ModelMalformedError

_READ_CHARS = 64 * 1024
_OBJECTS_TRIED = 500
_DEFECTS = 3
_DEFECT_CHARS = 240
_SUGGESTION_CHARS = 400


class UnusableAnswerError(ModelMalformedError):
    """Complete answers came and were paid for, but none is what was asked for, even after a repair.

    Attributes:
        usage: what they cost.
    """

    usage: Usage = Usage()


def cost_of(error: ModelError) -> Usage:
    """What the calls that ended in this error cost, as far as the server told."""
    if isinstance(error, UnusableAnswerError):
        return error.usage
    return Usage(
        requests=error.attempts,
        prompt_tokens=error.prompt_tokens,
        completion_tokens=error.completion_tokens,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """The structure that an answer must have."""

    name: str
    schema: dict[str, JsonValue]
    may_grow: bool = False
    """It is short: where it did not fit its tokens, the model filled it with blanks, and may be asked once more."""


class UnreadableError(ValueError):
    """An answer holds no object of the demanded structure; the message says what is wrong, for the model to read."""


class _Review(BaseModel):
    """One review, as it may come; the bounds on lengths are asked for, and kept by clipping."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    verdict: Literal["accept", "revise", "reject"]
    tenths: Annotated[int, Field(ge=0, le=10)]
    defects: list[str]
    suggestion: str


_reviews: TypeAdapter[dict[str, _Review]] = TypeAdapter(dict[str, _Review])


def blind_labels(proposals: Sequence[Proposal], *, seed: int) -> dict[str, Proposal]:
    """The proposals under names that tell nothing, in an order that depends on the seed alone."""
    shuffled = sorted(proposals, key=lambda proposal: proposal.proposal_id)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - against position bias, not against an adversary
    return {f"P{number}": proposal for number, proposal in enumerate(shuffled, start=1)}


def critique_form(labels: Sequence[str]) -> Form:
    """One review a label; flat, closed, with enumerations where servers differ on bounds."""
    review: dict[str, JsonValue] = {
        "type": "object",
        "properties": {
            "verdict": {"type": "string", "enum": ["accept", "revise", "reject"]},
            "tenths": {"type": "integer", "enum": list(range(11))},
            "defects": {
                "type": "array",
                "items": {"type": "string", "maxLength": _DEFECT_CHARS},
                "maxItems": _DEFECTS,
            },
            "suggestion": {"type": "string", "maxLength": _SUGGESTION_CHARS},
        },
        "required": ["verdict", "tenths", "defects", "suggestion"],
        "additionalProperties": False,
    }
    schema: dict[str, JsonValue] = {
        "type": "object",
        "properties": dict.fromkeys(labels, review),
        "required": list(labels),
        "additionalProperties": False,
    }
    return Form(name="reviews", schema=schema, may_grow=len(labels) == 1)


def read_critiques(text: str, labels: Mapping[str, Proposal], *, reviewer_id: str) -> tuple[Critique, ...]:
    """The reviews of the last object in ``text`` that has the demanded structure, one a label, in their order.

    Raises:
        UnreadableError: there is none.
    """
    problem = "it holds no JSON object"
    for document in reversed(list(json_objects(text))):
        try:
            reviews = _reviews.validate_python(document)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            problem = f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"
            continue
        if set(reviews) == set(labels):
            return tuple(
                _critique(reviews[label], proposal.proposal_id, reviewer_id)
                for label, proposal in labels.items()
            )
        problem = f"its members must be exactly {', '.join(labels)}"
    raise UnreadableError(problem)


def json_objects(text: str) -> Iterator[dict[str, JsonValue]]:
    """The outermost JSON objects in the last 64 KiB of a text, in their order, whatever stands around them."""
    text = text[-_READ_CHARS:]
    decoder = json.JSONDecoder(strict=False)  # grammars of servers let bare control characters into strings
    start = text.find("{")
    for _ in range(_OBJECTS_TRIED):
        if start < 0:
            return
        try:
            document, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            yield document
        start = text.find("{", end)


def _critique(review: _Review, proposal_id: str, reviewer_id: str) -> Critique:
    return Critique(
        proposal_id=proposal_id,
        reviewer_id=reviewer_id,
        verdict=review.verdict,
        score=review.tenths / 10,
        defects=tuple(defect[:_DEFECT_CHARS] for defect in review.defects[:_DEFECTS]),
        suggestion=review.suggestion[:_SUGGESTION_CHARS],
    )
