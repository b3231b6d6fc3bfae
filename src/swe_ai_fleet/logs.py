"""Logs are events with fields, on stderr; secrets never reach them because they live in ``SecretStr``."""

import logging
import sys
from typing import Literal

import structlog

from swe_ai_fleet.tracing.spans import current_span

_TRACEBACKS = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)
"""Without the values of variables: they may be a user's text or a whole repository."""
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def configure_logs(
    level: Literal["debug", "info", "warning", "error"], form: Literal["auto", "console", "json"]
) -> None:
    """Set up structlog for this process. ``auto``: for people on a terminal, else JSON lines."""
    for_people = form == "console" or (form == "auto" and sys.stderr.isatty())
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
        if for_people
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _with_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if for_people else [_TRACEBACKS]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=_on_stderr,
        cache_logger_on_first_use=False,
    )


def _with_trace(_log: object, _name: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """The trace that the line belongs to, where there is one."""
    traceparent = current_span().traceparent
    if traceparent is not None:
        _, event["trace_id"], event["span_id"], _ = traceparent.split("-")
    return event


def _on_stderr(*_: object) -> structlog.WriteLogger:
    """Writes to what is stderr when something is logged, not when logging was set up: it may have been replaced."""
    return structlog.WriteLogger(sys.stderr)
