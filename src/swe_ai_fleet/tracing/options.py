"""Where spans go."""

from typing import Annotated

from pydantic import Field

from swe_ai_fleet.domain.value import Value


class TelemetryOptions(Value):
    """Spans for OpenTelemetry; needs ``pip install 'swe-ai-fleet[otel]'``."""

    endpoint: Annotated[str, Field(pattern=r"^https?://")] | None = None
    """``http(s)://host:4318`` of a collector that takes OTLP over HTTP; None: no spans.

    Where it is None, ``OTEL_EXPORTER_OTLP_ENDPOINT`` counts. Headers, certificates and the like are the exporter's own
    variables, ``OTEL_EXPORTER_OTLP_...``.
    """
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Part of what begins here that is traced; what comes with a trace is traced as that says."""
    service: Annotated[str, Field(min_length=1)] = "swe-fleet"
    """The name under which a collector shows this process."""
