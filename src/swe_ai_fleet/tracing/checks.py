"""The spans of checks: asked for in one process, run in another."""

from contextlib import AbstractContextManager

from swe_ai_fleet.domain.check import CheckReport, CheckStatus
from swe_ai_fleet.tracing import names
from swe_ai_fleet.tracing.spans import Attributes, Span, span


def checking(proposal_id: str) -> AbstractContextManager[Span]:
    """Where a proposal's checks are asked for."""
    return span("check", kind="client", attributes={names.PROPOSAL_ID: proposal_id})


def running(parent: str | None) -> AbstractContextManager[Span]:
    """Where they are run, in another process: ``parent`` is what asked for them."""
    attributes = {names.OPERATION: names.EXECUTE_TOOL, names.TOOL_NAME: "checks"}
    return span(f"{names.EXECUTE_TOOL} checks", kind="server", parent=parent, attributes=attributes)


def told_of(report: CheckReport) -> Attributes:
    """What came of them."""
    passed = sum(result.status is CheckStatus.PASSED for result in report.results)
    return {names.CHECKS_PASSED: passed, names.CHECKS_FAILED: len(report.results) - passed}
