"""The plain agent: a task in, a proposal out, over vLLM's OpenAI-compatible HTTP API.

It knows neither Ray nor NATS and works where neither is installed.
"""


class VLLMAgentBase:
    """One deliberating agent that asks one model."""

    def __init__(
        self,
        agent_id: str,
        role: str,
        vllm_url: str,
        model: str,
        temperature: float = 0.7,
        max_tokens: int = 2000,
    ) -> None:
        """Name the agent and its model; nothing is connected yet. ``temperature`` is clamped to [0, 2]."""
        self.agent_id = agent_id
        self.role = role
        self.vllm_url = vllm_url
        self.model = model
        self.temperature = min(2.0, max(0.0, temperature))
        self.max_tokens = max_tokens
