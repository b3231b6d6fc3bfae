"""Model servers: the OpenAI-compatible client, providers, fallback, the simulated server."""
