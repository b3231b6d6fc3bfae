"""Spans of this process's work, where somebody wants them; without a tracer each costs a comparison.

A span is the child of the one around it, in the same task or in the task that started this one. What comes from another
process names its parent by a W3C ``traceparent``.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Literal, Protocol

Kind = Literal["internal", "client", "server", "producer", "consumer"]
Attributes = Mapping[str, str | int | float | bool | Sequence[str] | None]
"""What is None is left out."""


class Span(Protocol):
    """One piece of work."""

    @property
    def traceparent(self) -> str | None:
        """By which another process continues the trace; None where nothing is traced."""
        ...

    def set(self, attributes: Attributes) -> None:
        """Say more of it."""
        ...

    def fail(self, error: str, detail: str = "") -> None:
        """It ended badly: a stable kind of error, and words for people."""
        ...


class Tracer(Protocol):
    """Makes spans. An exception that leaves a span is recorded with it as a failure."""

    def span(
        self, name: str, kind: Kind, parent: str | None, attributes: Attributes
    ) -> AbstractContextManager[Span]:
        """A new one, around whatever is begun inside."""
        ...

    def current(self) -> Span:
        """The one around the caller; one without ``traceparent`` where there is none."""
        ...

    def flush(self) -> None:
        """Hand over what is finished; blocks for as long as that takes, at most for two seconds."""
        ...


class _Nothing:
    """A span of nobody."""

    __slots__ = ()
    traceparent: str | None = None

    def __enter__(self) -> Span:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def set(self, attributes: Attributes) -> None:
        """Nobody wants to know."""

    def fail(self, error: str, detail: str = "") -> None:
        """Nobody wants to know."""


_NOTHING = _Nothing()
_NO_ATTRIBUTES: Attributes = {}
_tracer: Tracer | None = None


def use_tracer(tracer: Tracer | None) -> None:
    """From now on the spans of this process are that tracer's; None: nobody's."""
    global _tracer  # noqa: PLW0603 - one for each process, as for its logs
    _tracer = tracer


def is_tracing() -> bool:
    """Somebody wants spans; for what is worth computing only then."""
    return _tracer is not None


def span(
    name: str,
    *,
    kind: Kind = "internal",
    parent: str | None = None,
    attributes: Attributes = _NO_ATTRIBUTES,
) -> AbstractContextManager[Span]:
    """A span for as long as it is entered.

    Args:
        name: low in variety; what varies is an attribute.
        kind: whom it talks to.
        parent: a ``traceparent``; where it is None, the span around the caller.
        attributes: known at the start.
    """
    if _tracer is None:
        return _NOTHING
    return _tracer.span(name, kind, parent, attributes)


def current_span() -> Span:
    """The span around the caller."""
    return _NOTHING if _tracer is None else _tracer.current()


def flush_spans() -> None:
    """See :meth:`Tracer.flush`; not for an event loop's thread."""
    if _tracer is not None:
        _tracer.flush()
