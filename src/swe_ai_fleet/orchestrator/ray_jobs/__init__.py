"""What a Ray job imports: the actor, the plain agent and the use case. Ray itself is imported when the actor is."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swe_ai_fleet.orchestrator.agents.vllm_agent_base import VLLMAgentBase
    from swe_ai_fleet.orchestrator.agents.vllm_agent_ray import VLLMAgentJob
    from swe_ai_fleet.orchestrator.usecases.deliberate_async_usecase import DeliberateAsync

_HOMES = {
    "DeliberateAsync": "swe_ai_fleet.orchestrator.usecases.deliberate_async_usecase",
    "VLLMAgentBase": "swe_ai_fleet.orchestrator.agents.vllm_agent_base",
    "VLLMAgentJob": "swe_ai_fleet.orchestrator.agents.vllm_agent_ray",
}

__all__ = ["DeliberateAsync", "VLLMAgentBase", "VLLMAgentJob"]


def __getattr__(name: str) -> Any:
    """Import the name when it is first asked for."""
    from importlib import import_module  # noqa: PLC0415 - part of being lazy

    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(_HOMES[name]), name)
