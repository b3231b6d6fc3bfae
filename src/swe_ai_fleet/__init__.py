"""A fleet of software-engineering agents that deliberate on one task and return one ranked decision."""

__version__ = "0.1.0"
