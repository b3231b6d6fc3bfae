"""A model client that answers as it is told to, without any network."""

import asyncio
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field

from swe_ai_fleet.errors import ModelError
from swe_ai_fleet.ports.models import Completion, Message, ModelRequest

MODEL = "vllm:m"


def ask(text: str = "why?", **fields: object) -> ModelRequest:
    return ModelRequest.model_validate({"messages": [Message(role="user", content=text)], **fields})


@dataclass(kw_only=True)
class ScriptedModel:
    """One step a call, the last one for ever: an answer's text, an error to raise, after ``takes_s`` each."""

    steps: Sequence[str | ModelError] = ("fine",)
    takes_s: float | Sequence[float] = 0.0
    model_id: str = MODEL
    requests: list[ModelRequest] = field(default_factory=list)
    cancelled: int = 0
    closed: int = 0

    async def complete(self, request: ModelRequest) -> Completion:
        place = len(self.requests)
        self.requests.append(request)
        step = self.steps[min(place, len(self.steps) - 1)]
        takes_s = self.takes_s
        try:
            await asyncio.sleep(
                takes_s if isinstance(takes_s, float) else takes_s[min(place, len(takes_s) - 1)]
            )
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if isinstance(step, ModelError):
            raise copy(step)
        return Completion(text=step, model=self.model_id)

    async def close(self) -> None:
        self.closed += 1
