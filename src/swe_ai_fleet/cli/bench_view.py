"""Figures of benchmarks for people."""

from collections.abc import Collection, Sequence

from rich.table import Table
from rich.text import Text

from swe_ai_fleet.bench.rank_report import RankReport
from swe_ai_fleet.bench.record import RecordFigures, Spread
from swe_ai_fleet.bench.report import BenchReport
from swe_ai_fleet.cli.console import PipedConsole


def print_rows(names: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Collection[str] = ()) -> None:
    """A plain table on stdout."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for name in names:
        table.add_column(name, justify="right" if name in numbers else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    PipedConsole(highlight=False).print(table)


def print_report(report: BenchReport) -> None:
    """The figures of a benchmark with their spread, and the machine."""
    print_rows(("figure", "median", "unit", "low to high", "aim"), report.to_rows(), numbers={"median"})
    machine = report.machine
    said = f"{machine.cpus} cores of {machine.cpu}, {machine.memory_gib:g} GiB, {machine.system}, load {machine.load:g}"
    PipedConsole(highlight=False).print(Text(said, style="dim"))


def print_rank(report: RankReport) -> None:
    """The choice beside its rivals, the curve, and what it took."""
    low, high = report.interval
    rows = [
        ("pass@1", f"{report.pass_at_1:.1f}", f"95 % interval {low:.1f} to {high:.1f}"),
        ("CodeT", f"{report.codet:.1f}", ""),
        ("most tests passed", f"{report.most_tests:.1f}", ""),
        ("random", f"{report.random:.1f}", ""),
        ("oracle", f"{report.oracle:.1f}", ""),
        ("selection efficiency", f"{100 * report.efficiency:.0f} %", "(pass@1 - random) / (oracle - random)"),
        ("calibration error", f"{report.calibration.error:.3f}", _kept(report)),
    ]
    if report.stopping is not None:
        stopping = report.stopping
        meaning = f"pass@1 {stopping.pass_at_1:.1f} against {stopping.fixed_pass_at_1:.1f} of {stopping.cap} samples"
        rows.append(("samples saved", f"{100 * stopping.saved:.0f} %", meaning))
    rows.append(("seconds", f"{report.seconds:.1f}", f"{report.cpu_seconds:.1f} CPU seconds"))
    print_rows(("figure", "value", "meaning"), rows, numbers={"value"})
    curve = [
        (
            str(point.samples),
            *(f"{share:.1f}" for share in (point.pass_at_1, point.pass_at_1_kept, point.codet, point.random)),
        )
        for point in report.curve
    ]
    names = ("samples", "pass@1", "surest 3/4", "CodeT", "random")
    print_rows(names, curve, numbers=names)
    bins = [
        (f"{one.predicted:.2f}", f"{one.actual:.2f}", str(one.councils)) for one in report.calibration.bins
    ]
    print_rows(("P(correct)", "right", "councils"), bins, numbers={"P(correct)", "right", "councils"})


def _kept(report: RankReport) -> str:
    calibration = report.calibration
    return (
        f"right {calibration.accuracy:.1f} %, {calibration.accuracy_kept:.1f} % of the surest three quarters"
    )


def print_record(figures: RecordFigures) -> None:
    """The record's figures with their spread."""
    council = f"{figures.show_events:,} events of {figures.show_agents} agents, {figures.show_rounds} rounds"
    rows = [
        _spread("events written", "per s", figures.written_per_s, ""),
        _spread("one event acknowledged", "ms", figures.acknowledged_ms, ""),
        _spread("events replayed", "per s", figures.replayed_per_s, council),
        _spread("show", "ms", figures.show_ms, council),
        _spread("list", "ms", figures.list_ms, f"the latest 100 of {figures.listed:,}"),
    ]
    rows += [
        (f"stored, {size.agents} agents", f"{size.bytes:,}", "bytes", "", f"{size.events:,} events")
        for size in figures.sizes
    ]
    rows.append(
        ("growth with the council", f"{figures.growth:.2f}", "exponent", "", "1 is linear, 2 its square")
    )
    print_rows(("figure", "median", "unit", "low to high", "of"), rows, numbers={"median"})


def _spread(name: str, unit: str, spread: Spread, of: str) -> tuple[str, str, str, str, str]:
    return (name, f"{spread.median:,.1f}", unit, f"{spread.low:,.1f} to {spread.high:,.1f}", of)
