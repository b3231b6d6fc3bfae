"""Agents and the use cases that make them deliberate."""
