"""What is traced, kept in memory or taken from the wire, and looked at as a tree."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from swe_ai_fleet.telemetry.otel import OtelTracer, make_provider
from swe_ai_fleet.tracing.options import TelemetryOptions
from swe_ai_fleet.tracing.spans import use_tracer


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One finished span."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty for a root."""
    attributes: dict[str, Any]
    is_error: bool
    pid: int


def named(spans: Sequence[Kept], name: str) -> list[Kept]:
    return [span for span in spans if span.name == name]


def is_one_tree(spans: Sequence[Kept]) -> bool:
    """One trace, one root, and every parent is there."""
    ids = {span.span_id for span in spans}
    roots = [span for span in spans if not span.parent_id]
    known = all(span.parent_id in ids for span in spans if span.parent_id)
    return len({span.trace_id for span in spans}) == 1 and len(roots) == 1 and known


def ancestors(span: Kept, spans: Sequence[Kept]) -> list[str]:
    """Names from its parent up to the root."""
    by_id = {other.span_id: other for other in spans}
    found = []
    while span.parent_id:
        span = by_id[span.parent_id]
        found.append(span.name)
    return found


@dataclass
class Memory:
    """Spans of this process."""

    exporter: InMemorySpanExporter

    @property
    def spans(self) -> list[Kept]:
        return [
            Kept(
                name=span.name,
                trace_id=f"{span.context.trace_id:032x}",
                span_id=f"{span.context.span_id:016x}",
                parent_id="" if span.parent is None else f"{span.parent.span_id:016x}",
                attributes=dict(span.attributes or {}),
                is_error=not span.status.is_ok and not span.status.is_unset,
                pid=int(str(span.resource.attributes["process.pid"])),
            )
            for span in self.exporter.get_finished_spans()
        ]


@contextmanager
def spans_in_memory() -> Iterator[Memory]:
    """Everything that is traced in this process meanwhile."""
    exporter = InMemorySpanExporter()
    provider = make_provider(TelemetryOptions())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    use_tracer(OtelTracer(provider))
    try:
        yield Memory(exporter)
    finally:
        use_tracer(None)
        provider.shutdown()


@dataclass
class Collector:
    """A collector at ``endpoint``, and what processes have sent it."""

    endpoint: str = ""
    spans: list[Kept] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest()
        sent.ParseFromString(await request.read())
        for resource in sent.resource_spans:
            process = {each.key: each.value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [_kept(span, process["process.pid"].int_value) for span in scope.spans]
        return web.Response(
            body=ExportTraceServiceResponse().SerializeToString(), content_type="application/x-protobuf"
        )


def _kept(span: Any, pid: int) -> Kept:
    return Kept(
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes={
            each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes
        },
        is_error=span.status.code == 2,
        pid=pid,
    )


@asynccontextmanager
async def collecting() -> AsyncIterator[Collector]:
    """A collector on loopback that takes OTLP over HTTP."""
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    collector.endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield collector
    finally:
        await runner.cleanup()
