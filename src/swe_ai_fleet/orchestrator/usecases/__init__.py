"""One verb of the system each."""
