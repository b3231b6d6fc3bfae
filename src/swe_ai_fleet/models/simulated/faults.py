"""What goes wrong at a simulated model server, planned ahead so that the same plan fails the same way again."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from swe_ai_fleet.domain.council import derive_seed
from swe_ai_fleet.domain.value import Value


class Fault(StrEnum):
    """One way in which a request ends badly."""

    RATE_LIMITED = "rate_limited"
    """429 with ``Retry-After``."""
    RATE_LIMITED_MUTE = "rate_limited_mute"
    """429 without ``Retry-After``."""
    UNAVAILABLE = "unavailable"
    """503 without ``Retry-After``, as vLLM sheds load."""
    UNAVAILABLE_UNTIL = "unavailable_until"
    """503 with ``Retry-After``."""
    SERVER_ERROR = "server_error"
    """500."""
    REJECTED = "rejected"
    """400 that is about no field: the request is longer than the context."""
    HANG = "hang"
    """No byte, until the client gives up."""
    CUT_BEFORE = "cut_before"
    """The connection closes before any byte of the answer."""
    CUT_MIDWAY = "cut_midway"
    """The connection closes in the middle of the answer."""
    MALFORMED = "malformed"
    """200 with a body (streamed: an event) that is not JSON."""
    ENDLESS = "endless"
    """200 with JSON that never ends, until the client gives up."""
    TRUNCATED = "truncated"
    """Half of the answer with ``finish_reason`` length."""
    EMPTY = "empty"
    """An answer without text."""
    FILTERED = "filtered"
    """``finish_reason`` content_filter."""
    ERROR_INSIDE = "error_inside"
    """200 with an error document, as gateways send it when the model behind them fails."""
    SLOW = "slow"
    """The right answer, ``slow_s`` later."""

    @property
    def leaves_an_answer(self) -> bool:
        """The client gets a whole chat completion, whatever its content."""
        return self in {Fault.TRUNCATED, Fault.EMPTY, Fault.FILTERED, Fault.SLOW}


class FaultPlan(Value):
    """Which requests fail, and how. Requests are counted from 1 in the order in which they arrive."""

    share: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability that a request fails, drawn from the server's seed and the request's number."""
    kinds: tuple[Fault, ...] = tuple(Fault)
    """What those failures are, each as likely as another; one that stands here twice is twice as likely."""
    at: dict[int, Fault] = Field(default_factory=dict)
    """Failures of single requests by number; they come before the draw."""
    retry_after_s: Annotated[float, Field(ge=0)] = 1.0
    """What ``Retry-After`` says."""
    slow_s: Annotated[float, Field(ge=0)] = 5.0
    """How much later a slow answer begins."""

    @classmethod
    def always(cls, kind: Fault, *, retry_after_s: float = 1.0, slow_s: float = 5.0) -> "FaultPlan":
        """Every request fails in this one way."""
        return cls(share=1.0, kinds=(kind,), retry_after_s=retry_after_s, slow_s=slow_s)

    def fault(self, number: int, *, seed: int) -> Fault | None:
        """How the request of that number fails; None where it does not."""
        if number in self.at:
            return self.at[number]
        if not self.kinds or derive_seed(seed, "fails", number) >= self.share * 2**31:
            return None
        return self.kinds[derive_seed(seed, "kind", number) % len(self.kinds)]
