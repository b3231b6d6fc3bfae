"""The ranking benchmark's reliability plot: how often decisions of each P(correct) were right."""

from collections.abc import Iterable
from html import escape

from swe_ai_fleet.bench.rank_report import RankReport

_SIDE = 320
_EDGE = 48


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
