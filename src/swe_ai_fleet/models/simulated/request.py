"""A chat completion as the simulated server reads it, and what a script may answer."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import JsonValue
from pydantic_core import from_json

from swe_ai_fleet.errors import InputError

TOKEN_CHARS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A scripted answer that is more than its text."""

    text: str
    reasoning: str = ""
    finish_reason: Literal["stop", "length", "content_filter"] = "stop"
    after_s: float = 0.0
    """How much later than other answers it begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request. ``body`` is the whole document as it came."""

    number: int
    """From 1, in the order of arrival."""
    body: dict[str, Any]
    headers: dict[str, str]
    """Lower-case names; without credentials."""

    @property
    def prompt(self) -> str:
        """All messages as one text, each after its role."""
        return "".join(f"<|{turn['role']}|>{turn['content']}\n" for turn in self.body["messages"])

    @property
    def max_tokens(self) -> int | None:
        """The limit on the answer, if the request names one."""
        limit = self.body.get("max_completion_tokens", self.body.get("max_tokens"))
        return int(limit) if limit is not None else None

    @property
    def streams(self) -> bool:
        """The answer is wanted token by token."""
        return bool(self.body.get("stream"))

    @property
    def wants_logprobs(self) -> bool:
        """The log-probabilities of the answer are wanted."""
        return bool(self.body.get("logprobs"))

    @property
    def json_schema(self) -> JsonValue | None:
        """The schema that the answer must be an instance of, if any."""
        wanted = self.body.get("response_format") or {}
        return wanted["json_schema"]["schema"] if wanted.get("type") == "json_schema" else None


def read_request(raw: bytes, *, number: int, headers: dict[str, str]) -> ChatRequest:
    """Parse a request.

    Raises:
        InputError: it is no chat completion; the field is named as the body names it.
    """
    way_out = "Send a chat completion of OpenAI's API."
    try:
        body = from_json(raw)
    except ValueError as error:
        raise InputError("body", raw[:40], "is not JSON", way_out) from error
    if not isinstance(body, dict):
        raise InputError("body", body, "is not an object", way_out)
    turns = body.get("messages")
    if not isinstance(turns, list) or not turns:
        raise InputError("messages", turns, "must be a list with at least one message", way_out)
    for turn in turns:
        if not isinstance(turn, dict) or not {"role", "content"} <= turn.keys():
            raise InputError("messages", turn, "must have role and content", way_out)
    return ChatRequest(number=number, body=body, headers=headers)


def tokens_of(text: str) -> list[str]:
    """The text in simulated tokens."""
    return [text[start : start + TOKEN_CHARS] for start in range(0, len(text), TOKEN_CHARS)]


def count_tokens(text: str) -> int:
    """How many simulated tokens the text has."""
    return -(-len(text) // TOKEN_CHARS)
