"""What a simulated server answers: a script's words, an instance of the demanded schema, or filler that says so."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b

from pydantic_core import to_json

from swe_ai_fleet.models.simulated.faults import Fault
from swe_ai_fleet.models.simulated.instance import SIMULATED, instance_of
from swe_ai_fleet.models.simulated.request import TOKEN_CHARS, ChatRequest, Reply, count_tokens
from swe_ai_fleet.models.simulated.traits import Traits

Script = Callable[[ChatRequest], str | Reply | None] | Mapping[str, str | Reply]
"""Answers to requests: a function of the request, or texts by a part of the prompt, the first match of which is
taken. None, or no match: the server makes something up."""

_FILLER = "Nothing here was thought of by a model; these words only have the length of an answer. "
_THOUGHT = "A simulated server does not think; this is the length of a thought. "


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent: the whole text, or as much of it as the limit on tokens lets through."""

    answer_id: str
    text: str
    reasoning: str
    finish_reason: str
    after_s: float
    prompt_tokens: int
    cached_tokens: int
    logprobs: bytes | None
    """One byte a token, from which its log-probability follows; None where none are told."""

    @property
    def completion_tokens(self) -> int:
        """Tokens of the thinking and of the answer."""
        return count_tokens(self.reasoning) + count_tokens(self.text)


def make_answer(
    request: ChatRequest, raw: bytes, *, script: Script | None, traits: Traits, seed: int, cached_tokens: int
) -> Answer:
    """The answer to ``request``; the same bytes of a request get the same answer from the same seed."""
    digest = blake2b(raw, digest_size=16, key=seed.to_bytes(8, "big")).digest()
    reply = _scripted(request, script) or _made_up(request, digest, traits)
    answer = Answer(
        answer_id=f"{SIMULATED}-{digest.hex()[:16]}",
        text=reply.text,
        reasoning=reply.reasoning,
        finish_reason=reply.finish_reason,
        after_s=reply.after_s,
        prompt_tokens=count_tokens(request.prompt),
        cached_tokens=cached_tokens,
        logprobs=digest if request.wants_logprobs and traits.tells_logprobs else None,
    )
    limit = request.max_tokens
    return answer if limit is None or answer.completion_tokens <= limit else _cut(answer, limit)


def spoilt(answer: Answer, fault: Fault | None, *, slow_s: float) -> Answer:
    """The answer as the fault leaves it; faults that are not about its content leave it as it is."""
    match fault:
        case Fault.TRUNCATED:
            return _cut(answer, answer.completion_tokens // 2)
        case Fault.EMPTY:
            return replace(answer, text="")
        case Fault.FILTERED:
            return replace(answer, text="", finish_reason="content_filter")
        case Fault.SLOW:
            return replace(answer, after_s=answer.after_s + slow_s)
        case _:
            return answer


def logprob_of(digest: bytes, place: int) -> float:
    """Log-probability of the token at that place."""
    return -(digest[place % len(digest)] + 1) / 256


def _cut(answer: Answer, tokens: int) -> Answer:
    reasoning = answer.reasoning[: tokens * TOKEN_CHARS]
    text = answer.text[: max(0, tokens - count_tokens(reasoning)) * TOKEN_CHARS]
    return replace(answer, reasoning=reasoning, text=text, finish_reason="length")


def _scripted(request: ChatRequest, script: Script | None) -> Reply | None:
    if script is None:
        return None
    if isinstance(script, Mapping):
        prompt = request.prompt
        found = next((reply for part, reply in script.items() if part in prompt), None)
    else:
        found = script(request)
    return Reply(text=found) if isinstance(found, str) else found


def _made_up(request: ChatRequest, digest: bytes, traits: Traits) -> Reply:
    schema = request.json_schema
    if schema is not None:
        rng = random.Random(digest)  # noqa: S311 - nothing depends on its secrecy
        text = to_json(instance_of(schema, rng=rng)).decode()
    else:
        text = _of_length(f"Simulated answer {digest.hex()[:8]}. ", _FILLER, traits.answer_tokens)
    return Reply(text=text, reasoning=_of_length("Simulated. ", _THOUGHT, traits.reasoning_tokens))


def _of_length(start: str, filler: str, tokens: int) -> str:
    chars = tokens * TOKEN_CHARS
    return (start + filler * (chars // len(filler) + 1))[:chars]
