"""What a proposal breaks and what it leaves broken, against the unchanged commit.

The counts follow Agentless (Xia et al. 2024): tests that failed before are subtracted, flaky ones are left
out. A case that passed before and is not reported as passed now is broken, also where it was skipped or never
ran: a proposal gains nothing by ending the test runner early.
"""

from collections.abc import Iterator, Mapping

from swe_ai_fleet.domain.check import CheckReport, CheckResult, CheckStatus


def verdicts(report: CheckReport) -> dict[str, str]:
    """``passed`` or ``failed`` by ``check`` and ``check::case``; what was skipped or could not run is left out."""
    return {
        name: verdict
        for result in report.results
        for name, verdict in _verdicts_of(result)
        if verdict != "skipped"
    }


def _verdicts_of(result: CheckResult) -> Iterator[tuple[str, str]]:
    if result.status in (CheckStatus.PASSED, CheckStatus.FAILED):
        yield result.name, str(result.status)
    for case, verdict in result.cases.items():
        yield f"{result.name}::{case}", verdict


def new_failures(report: CheckReport, base: CheckReport | None) -> frozenset[str]:
    """Checks and cases that the proposal breaks: passed on the base and not now, or failing where none was before."""
    flaky = _flaky(base)
    failed_before = frozenset() if base is None else base.failures()
    fresh = {name for name in report.failures() if not _known(name, failed_before)}
    before, now = ({} if base is None else verdicts(base)), verdicts(report)
    lost = {name for name, verdict in before.items() if verdict == "passed" and now.get(name) != "passed"}
    named = {name for name in fresh | lost if "::" in name}
    whole = {name for name in fresh | lost if "::" not in name and not _names_one_of(name, named)}
    return frozenset((named | whole) - flaky)


def unresolved(report: CheckReport, base: CheckReport | None) -> frozenset[str]:
    """Failures of the base that the proposal leaves; flaky ones do not count."""
    now = verdicts(report)
    return frozenset(name for name in base_failures(base) if now.get(name) != "passed")


def base_failures(base: CheckReport | None) -> frozenset[str]:
    """What fails on the unchanged commit, and not by chance."""
    if base is None:
        return frozenset()
    return base.failures() - _flaky(base)


def steady(seen: Mapping[str, str], base: CheckReport | None) -> dict[str, str]:
    """The same verdicts without those that differ from run to run on the base."""
    flaky = _flaky(base)
    return {name: verdict for name, verdict in seen.items() if name not in flaky}


def _flaky(base: CheckReport | None) -> frozenset[str]:
    return frozenset() if base is None else frozenset(base.flaky)


def _known(name: str, names: frozenset[str]) -> bool:
    """It is there itself, or the whole check is."""
    return name in names or name.split("::", 1)[0] in names


def _names_one_of(check: str, names: set[str]) -> bool:
    return any(name.startswith(f"{check}::") for name in names)
