"""Spans on their way to a collector; OpenTelemetry is imported only where spans are wanted."""
