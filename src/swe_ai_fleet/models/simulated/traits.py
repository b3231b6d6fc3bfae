"""What a simulated model server is like."""

from typing import Annotated

from pydantic import Field, SecretStr

from swe_ai_fleet.domain.value import Value


class Traits(Value):
    """Speed, size and character. One simulated token is four characters."""

    model: str = "simulated"
    """The one name that ``/v1/models`` offers; a request for another one is answered all the same."""
    first_token_s: Annotated[float, Field(ge=0)] = 0.0
    """Time from a request to the first token of its answer."""
    tokens_per_s: Annotated[float, Field(gt=0)] | None = None
    """Speed of one answer after its first token; None: the rest comes at once."""
    answer_tokens: Annotated[int, Field(ge=16)] = 64
    """Length of an answer that is neither scripted nor JSON."""
    reasoning_tokens: Annotated[int, Field(ge=0)] = 0
    """Length of the thinking before it."""
    tells_logprobs: bool = True
    """Log-probabilities for who asks; without, the wish is ignored."""
    caches_prefixes: bool = True
    """Count shared prompt prefixes in blocks of 16 tokens, as a prefix cache would."""
    capacity: Annotated[int, Field(ge=1)] | None = None
    """Requests at once; further ones get 503 without ``Retry-After``. None: no limit."""
    refuses: frozenset[str] = frozenset()
    """Fields of a request that are answered with 400 and the field's name, as older or stricter servers do."""
    api_key: SecretStr | None = None
    """Where given, every request under ``/v1`` must carry it, else 401."""
    keep_alive_s: Annotated[float, Field(gt=0)] = 75.0
    """How long an idle connection stays open."""
