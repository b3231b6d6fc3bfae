"""Having the spans of a process sent somewhere."""

from swe_ai_fleet.domain.address import shown_address
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.tracing.options import TelemetryOptions
from swe_ai_fleet.tracing.spans import is_tracing, use_tracer


def start_telemetry(options: TelemetryOptions) -> None:
    """Have the spans of this process sent to a collector, where the options name one; once for each process.

    Raises:
        InputError: the packages for it are not installed.
    """
    if options.endpoint is None or is_tracing():
        return
    try:
        from swe_ai_fleet.telemetry.otel import OtelTracer, exporting_provider  # noqa: PLC0415 - heavy
    except ImportError as error:
        problem = f"needs OpenTelemetry's packages: {error}"
        way_out = "Install them with pip install 'swe-ai-fleet[otel]'."
        shown = shown_address(options.endpoint)
        raise InputError("FLEET_TELEMETRY__ENDPOINT", shown, problem, way_out) from error
    use_tracer(OtelTracer(exporting_provider(options, options.endpoint)))
