"""The two kinds of frozen value that everything else is made of."""

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value read from people: an unknown field is an error that names it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Recorded(BaseModel):
    """A frozen value read from the record: unknown fields are ignored, so that old readers meet new writers."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)
