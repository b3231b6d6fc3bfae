"""Agents: the plain vLLM agent, its Ray actor, and the embedded repair agent."""
