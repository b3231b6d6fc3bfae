"""The ranking benchmark's figures for people: lines for a terminal, and the reliability plot as SVG."""

from collections.abc import Iterable
from html import escape

from swe_ai_fleet.bench.rank_report import RankReport

_SIDE = 320
_EDGE = 48
_BAR = 24


def lines(report: RankReport) -> list[str]:
    """The report as text, at most 80 columns wide."""
    low, high = report.interval
    found = [
        f"{report.file}: {report.tasks} problems, {report.samples} samples each",
        "",
        _row("ranking", "pass@1"),
        _row("fleet", f"{report.pass_at_1:.1f}  (95 %: {low:.1f} to {high:.1f})"),
        _row("CodeT dual agreement", f"{report.codet:.1f}"),
        _row("most generated tests passed", f"{report.most_tests:.1f}"),
        _row("random candidate", f"{report.random:.1f}"),
        _row("oracle", f"{report.oracle:.1f}"),
        f"selection efficiency {report.efficiency:.0%}",
        "",
        f"{'samples':>8}{'fleet':>8}{'CodeT':>8}{'random':>8}",
    ]
    found += [f"{p.samples:>8}{p.pass_at_1:>8.1f}{p.codet:>8.1f}{p.random:>8.1f}" for p in report.curve]
    found += ["", *_calibration_lines(report)]
    if (stopping := report.stopping) is not None:
        found += [
            "",
            f"stopping when safe: {stopping.samples:.1f} of {stopping.cap} samples ({stopping.saved:.0%} saved), "
            f"pass@1 {stopping.pass_at_1:.1f} against {stopping.fixed_pass_at_1:.1f}",
        ]
    return [*found, "", f"{report.seconds:.0f} s, {report.cpu_seconds:.0f} CPU s"]


def reliability_svg(report: RankReport) -> str:
    """How often decisions of each P(correct) were right, as a self-contained SVG; the diagonal is perfect."""
    size = _SIDE + 2 * _EDGE
    title = f"Reliability of P(correct), calibration error {report.calibration.error:.3f}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" role="img" '
        f'aria-label="{escape(title, quote=True)}" font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{size}" height="{size}" fill="#fff"/>',
        *_bars(report),
        f'<path d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}" stroke="#888" stroke-dasharray="4 4"/>',
        f'<path d="M{_x(0)} {_y(1)}V{_y(0)}H{_x(1)}" fill="none" stroke="#222"/>',
        *_ticks(),
        f'<text x="{size / 2}" y="{size - 8}" text-anchor="middle">P(correct)</text>',
        f'<text x="14" y="{size / 2}" text-anchor="middle" transform="rotate(-90 14 {size / 2})">right</text>',
        f'<text x="{size / 2}" y="24" text-anchor="middle">{escape(title)}</text>',
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _row(name: str, value: str) -> str:
    return f"{name:<30}{value}"


def _calibration_lines(report: RankReport) -> Iterable[str]:
    calibration = report.calibration
    yield f"calibration error {calibration.error:.3f}"
    yield f"{'P(correct)':>12}{'right':>8}{'councils':>10}"
    for one in calibration.bins:
        bar = "#" * round(_BAR * one.actual)
        yield f"{one.predicted:>12.2f}{one.actual:>8.2f}{one.councils:>10}  {bar}"
    yield (
        f"deciding the surest three quarters only: {calibration.accuracy_kept:.1f} instead of "
        f"{calibration.accuracy:.1f}"
    )


def _bars(report: RankReport) -> Iterable[str]:
    most = max((one.councils for one in report.calibration.bins), default=1)
    for one in report.calibration.bins:
        shade = 0.35 + 0.65 * one.councils / most
        yield (
            f'<rect x="{_x(one.low) + 2:.1f}" y="{_y(one.actual):.1f}" width="{_SIDE / 10 - 4:.1f}" '
            f'height="{_y(0) - _y(one.actual):.1f}" fill="#2563eb" opacity="{shade:.2f}">'
            f"<title>{one.councils} councils: predicted {one.predicted:.2f}, right {one.actual:.2f}</title></rect>"
        )


def _ticks() -> Iterable[str]:
    for tenth in range(0, 11, 2):
        at = tenth / 10
        yield f'<text x="{_x(at):.1f}" y="{_y(0) + 16}" text-anchor="middle">{at:.1f}</text>'
        yield f'<text x="{_x(0) - 6}" y="{_y(at) + 4:.1f}" text-anchor="end">{at:.1f}</text>'


def _x(value: float) -> float:
    return _EDGE + _SIDE * value


def _y(value: float) -> float:
    return _EDGE + _SIDE * (1 - value)
