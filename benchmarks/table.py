"""Print reports of `swe-fleet bench ... --json` as tables: `python benchmarks/table.py FILE...`."""

import json
import sys
from pathlib import Path
from typing import Any


def rows_of(document: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Name, median, unit, spread and aim of every figure, whichever benchmark it is of."""
    if isinstance(document.get("figures"), list):
        return [
            (f["name"], f"{f['median']:g}", f["unit"], f"{f['low']:g} to {f['high']:g}", f["aim"])
            for f in document["figures"]
        ]
    rows = []
    for name, value in document.items():
        match value:
            case {"median": median, "low": low, "high": high}:
                rows.append((name, f"{median:g}", "", f"{low:g} to {high:g}", ""))
            case int() | float() | str():
                rows.append((name, str(value), "", "", ""))
            case _:
                pass
    return rows


def main() -> None:
    for name in sys.argv[1:]:
        rows = [
            ("figure", "median", "unit", "low to high", "aim"),
            *rows_of(json.loads(Path(name).read_text())),
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(5)]
        for row in rows:
            print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


if __name__ == "__main__":
    main()
