"""Spans on OpenTelemetry's SDK."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import Span as OtelSpan
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from swe_ai_fleet import __version__
from swe_ai_fleet.tracing.names import ERROR_TYPE
from swe_ai_fleet.tracing.options import TelemetryOptions
from swe_ai_fleet.tracing.spans import Attributes, Kind, Span

_DELAY_MS = 200
"""How long a finished span waits for others; short, because a process of a cluster may be killed at any time."""
_EXPORT_S = 2.0
_DETAIL_CHARS = 500


def make_provider(options: TelemetryOptions) -> TracerProvider:
    """What makes spans of this process; whoever adds a processor to it gets them."""
    resource = Resource.create(
        {
            "service.name": options.service,
            "service.version": __version__,
            "process.pid": os.getpid(),
            "host.name": socket.gethostname(),
        }
    )
    return TracerProvider(resource=resource, sampler=ParentBased(TraceIdRatioBased(options.share)))


def exporting_provider(options: TelemetryOptions, endpoint: str) -> TracerProvider:
    """One whose spans go to a collector in batches; what is left goes when the process ends."""
    provider = make_provider(options)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_S)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_DELAY_MS))
    return provider


class OtelTracer:
    """A :class:`~swe_ai_fleet.tracing.spans.Tracer` on OpenTelemetry's SDK."""

    def __init__(self, provider: TracerProvider) -> None:
        """The provider shuts itself down with its process."""
        self._provider = provider
        self._tracer = provider.get_tracer("swe_ai_fleet", __version__)

    @contextmanager
    def span(self, name: str, kind: Kind, parent: str | None, attributes: Attributes) -> Iterator[Span]:
        """A new one, around whatever is begun inside."""
        with self._tracer.start_as_current_span(
            name,
            context=None if parent is None else _context_of(parent),
            kind=SpanKind[kind.upper()],
            attributes=_given(attributes),
        ) as made:
            yield _Open(made)

    def current(self) -> Span:
        """The one around the caller."""
        return _Open(get_current_span())

    def flush(self) -> None:
        """Hand over what is finished."""
        self._provider.force_flush(int(_EXPORT_S * 1000))


class _Open:
    """One span of OpenTelemetry."""

    __slots__ = ("_span",)

    def __init__(self, span: OtelSpan) -> None:
        self._span = span

    @property
    def traceparent(self) -> str | None:
        found = self._span.get_span_context()
        if not found.is_valid:
            return None
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(_given(attributes))

    def fail(self, error: str, detail: str = "") -> None:
        self._span.set_attribute(ERROR_TYPE, error)
        self._span.set_status(StatusCode.ERROR, detail[:_DETAIL_CHARS])


def _context_of(traceparent: str) -> Context:
    return TraceContextTextMapPropagator().extract({"traceparent": traceparent})


def _given(attributes: Attributes) -> dict[str, str | int | float | bool | Sequence[str]]:
    return {name: value for name, value in attributes.items() if value is not None}
