"""All that speaks NATS, and its in-memory twin."""
