"""Figures of benchmarks, as people read them."""

import gzip
import json
from pathlib import Path

import pytest

from swe_ai_fleet.bench.rank_report import Bin, Calibration, CurvePoint, RankReport, Stopping
from swe_ai_fleet.bench.record import RecordFigures, Spread, StoredSize
from swe_ai_fleet.bench.report import figure, report
from swe_ai_fleet.cli.bench_view import print_rank, print_record, print_report
from swe_ai_fleet.cli.main import main


def words(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().out.split())


def test_a_report_names_figure_spread_aim_and_machine(capsys: pytest.CaptureFixture[str]) -> None:
    print_report(report("throughput", {}, [figure("raw calls", "per s", [3.0, 1.0, 2.0], aim="none")]))
    shown = words(capsys)
    assert "raw calls 2 per s 1 to 3 none" in shown
    assert "cores of" in shown


def test_the_choice_stands_beside_its_rivals(capsys: pytest.CaptureFixture[str]) -> None:
    print_rank(
        RankReport(
            file="x",
            tasks=2,
            samples=100,
            pass_at_1=47.74,
            interval=(40.0, 55.5),
            random=20.0,
            oracle=80.0,
            efficiency=0.46,
            codet=39.1,
            most_tests=30.0,
            curve=(CurvePoint(samples=4, pass_at_1=30.0, pass_at_1_kept=35.0, codet=28.0, random=20.0),),
            calibration=Calibration(
                error=0.05,
                bins=(Bin(low=0, high=0.1, councils=1, predicted=0.05, actual=0.0),),
                accuracy=47.0,
                accuracy_kept=60.0,
            ),
            stopping=Stopping(cap=48, samples=24.0, saved=0.5, pass_at_1=47.0, fixed_pass_at_1=47.2),
            seconds=12.0,
            cpu_seconds=40.0,
        )
    )
    shown = words(capsys)
    for part in (
        "pass@1 47.7 95 % interval 40.0 to 55.5",
        "CodeT 39.1",
        "selection efficiency 46 %",
        "right 47.0 %, 60.0 % of the surest three quarters",
        "0.05 0.00 1",
        "samples saved 50 %",
        "4 30.0 35.0 28.0 20.0",
    ):
        assert part in shown


def test_the_record_tells_what_each_figure_is_of(capsys: pytest.CaptureFixture[str]) -> None:
    spread = Spread(median=1234.5, low=1000.0, high=2000.0)
    print_record(
        RecordFigures(
            written_per_s=spread,
            acknowledged_ms=spread,
            replayed_per_s=spread,
            show_ms=spread,
            show_agents=8,
            show_rounds=1,
            show_events=46,
            list_ms=spread,
            listed=200,
            sizes=(StoredSize(agents=1, events=11, bytes=14289),),
            growth=0.94,
        )
    )
    shown = words(capsys)
    assert "events written 1,234.5 per s" in shown
    assert "stored, 1 agents 14,289 bytes 11 events" in shown


def test_files_that_are_none_are_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "repair", str(tmp_path / "none.jsonl")]) == 2
    assert main(["bench", "rank", str(tmp_path / "none.jsonl")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_program_that_is_not_there_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    program = {"name": "gcd", "module": "gcd", "source": "def gcd(a, b):\n    return a\n", "test_source": ""}
    path = tmp_path / "programs.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(program).encode()))
    assert main(["bench", "repair", str(path), "--only", "lcm"]) == 2
    assert "--only: there is no such program (given: 'lcm'). There are: gcd." in capsys.readouterr().err
