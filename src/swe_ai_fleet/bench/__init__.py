"""Benchmarks that a user can repeat; what they measure is printed, and machine-readable with ``--json``."""
