"""What a benchmark reports: figures over repetitions, on a machine that is described, under settings that are told."""

import math
import os
import platform
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, JsonValue

from swe_ai_fleet import __version__
from swe_ai_fleet.domain.value import Value

_BYTES_PER_GIB = 1024**3


class Figure(Value):
    """One measured quantity over its repetitions."""

    name: str
    unit: str
    median: float
    low: float
    """The lowest and the highest repetition: the spread."""
    high: float
    repetitions: int
    aim: str = ""
    """What it is held against, in words; empty where it only informs."""

    @property
    def spread(self) -> str:
        """Lowest to highest, for a table."""
        return f"{self.low:g} to {self.high:g}"


class Machine(Value):
    """Where it was measured."""

    cpus: int
    """Cores that this process may use."""
    cpu: str
    memory_gib: float
    system: str
    python: str
    load: float
    """Processes that wanted to run in the minute before: far above 0 means that others were at work."""


class BenchReport(Value):
    """All figures of one benchmark."""

    benchmark: str
    fleet: str
    """The fleet's version."""
    time: datetime
    """UTC."""
    machine: Machine
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    figures: tuple[Figure, ...]

    def to_rows(self) -> list[tuple[str, str, str, str, str]]:
        """Name, median, unit, spread and aim of every figure, for a table."""
        return [(f.name, f"{f.median:g}", f.unit, f.spread, f.aim) for f in self.figures]

    def figure(self, name: str) -> Figure:
        """The figure of that name.

        Raises:
            KeyError: there is none.
        """
        for figure in self.figures:
            if figure.name == name:
                return figure
        raise KeyError(name)


def figure(name: str, unit: str, values: Sequence[float], *, aim: str = "", digits: int = 3) -> Figure:
    """A figure from the values of its repetitions; at least one."""
    return Figure(
        name=name,
        unit=unit,
        median=round(statistics.median(values), digits),
        low=round(min(values), digits),
        high=round(max(values), digits),
        repetitions=len(values),
        aim=aim,
    )


def report(benchmark: str, settings: dict[str, JsonValue], figures: Sequence[Figure]) -> BenchReport:
    """A report of now, on this machine."""
    return BenchReport(
        benchmark=benchmark,
        fleet=__version__,
        time=datetime.now(UTC),
        machine=this_machine(),
        settings=settings,
        figures=tuple(figures),
    )


def this_machine() -> Machine:
    """The machine and how busy it is."""
    has_affinity = hasattr(os, "sched_getaffinity")
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpus=len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count() or 1,
        cpu=_cpu_name(),
        memory_gib=round(pages / _BYTES_PER_GIB, 1),
        system=f"{platform.system()} {platform.release().partition('-')[0]}",
        python=platform.python_version(),
        load=round(os.getloadavg()[0], 2),
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least ``share`` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def _cpu_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
