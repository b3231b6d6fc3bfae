"""Embedded mode: what has no address is started here and stopped afterwards."""
