"""Draw the newest report of every benchmark: `python benchmarks/plots.py` writes `benchmarks/plots/*.svg`.

Bars are medians, lines are the spread from the lowest repetition to the highest. Figures of one unit share a plot.
"""

import json
import re
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROW, LEFT, WIDTH = 26, 330, 420


def newest(folder: Path) -> dict[str, dict[str, Any]]:
    """The last report of each benchmark; the names of the files sort by time."""
    reports = {}
    for path in sorted(folder.glob("*.json")):
        document = json.loads(path.read_text())
        if isinstance(document.get("figures"), list):
            reports[document["benchmark"]] = document
    return reports


def plot(title: str, figures: list[dict[str, Any]]) -> str:
    """Horizontal bars, one a figure."""
    most = max(figure["high"] for figure in figures) or 1.0
    height = ROW * (len(figures) + 2)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 90}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="100%" height="100%" fill="white"/><text x="8" y="18" font-weight="bold">{escape(title)}</text>',
    ]
    for place, figure in enumerate(figures, start=1):
        top = ROW * place + 6
        ends = [LEFT + WIDTH * figure[end] / most for end in ("median", "low", "high")]
        middle, low, high = ends
        parts += [
            f'<text x="{LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(figure["name"])}</text>',
            f'<rect x="{LEFT}" y="{top + 3}" width="{max(1.0, middle - LEFT):.1f}" height="14" fill="#4a7ab5"/>',
            f'<path d="M{low:.1f} {top + 10}H{high:.1f}" stroke="#222" stroke-width="2"/>',
            f'<text x="{max(middle, high) + 6:.1f}" y="{top + 14}">{figure["median"]:g}</text>',
        ]
    return "\n".join([*parts, "</svg>\n"])


def main() -> None:
    target = HERE / "plots"
    target.mkdir(exist_ok=True)
    for name, document in newest(HERE / "results").items():
        by_unit = sorted(document["figures"], key=lambda figure: str(figure["unit"]))
        for unit, group in groupby(by_unit, key=lambda figure: str(figure["unit"])):
            kind = re.sub(r"[^a-z0-9]+", "-", unit.lower()).strip("-") or "ratios"
            title = f"{name}: {unit or 'ratios'} ({document['time'][:10]})"
            (target / f"{name}-{kind}.svg").write_text(plot(title, list(group)))


if __name__ == "__main__":
    main()
