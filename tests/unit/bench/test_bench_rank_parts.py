import gzip
import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from in_process_cells import InProcessCells
from recorded_samples import write_samples

from swe_ai_fleet.bench.rank import bench_rank
from swe_ai_fleet.bench.rank_observing import Observation, evidence_of, observe, same_value
from swe_ai_fleet.bench.rank_plot import reliability_svg
from swe_ai_fleet.bench.rank_problems import read_hidden_tests, read_problems
from swe_ai_fleet.bench.rank_report import Calibration, CurvePoint, RankReport, Stopping, calibrate, interval
from swe_ai_fleet.bench.rank_rivals import codet, most_tests
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.ranking.decide import decide

ALL = tuple(range(12))


async def observed(folder: Path, place: int = 0) -> Observation:
    problem = read_problems(write_samples(folder))[place]
    return await observe(problem, InProcessCells(), samples=12, seed=1)


def test_the_ranker_never_holds_the_hidden_tests(tmp_path: Path) -> None:
    dumped = "".join(problem.model_dump_json() for problem in read_problems(write_samples(tmp_path)))
    assert "check" not in dumped
    assert "canonical" not in dumped
    assert set(read_hidden_tests(write_samples(tmp_path))) == {"own/bigger", "own/twice"}


def test_a_body_ends_where_the_model_went_on_to_something_else(tmp_path: Path) -> None:
    problem = read_problems(write_samples(tmp_path))[0]
    assert problem.program(4).endswith("    return max(a, b)\n")


async def test_right_answers_that_agree_win_over_popular_wrong_ones(tmp_path: Path) -> None:
    for place, right in ((0, range(6)), (1, range(3))):
        seen = await observed(tmp_path, place)
        ranking = decide(evidence_of(seen, candidates=ALL, testers=ALL, seed=1))
        assert int(ranking.ranking[0].agent_id.removeprefix("dev-")) in right


async def test_equal_programs_run_once_and_none_is_an_abstention(tmp_path: Path) -> None:
    seen = await observed(tmp_path)
    assert len(seen.programs) == 6
    evidence = evidence_of(seen, candidates=ALL, testers=ALL, seed=1)
    assert evidence.behaviours["dev-10.0"] == {}
    assert evidence.behaviours["dev-9.0"] == {}
    assert len(evidence.behaviours) == 12


async def test_a_council_of_some_knows_nothing_of_the_other_testers(tmp_path: Path) -> None:
    seen = await observed(tmp_path)
    evidence = evidence_of(seen, candidates=(0, 6), testers=(1,), seed=1)
    assert {claim.author for claim in evidence.claims} == {"tester-1"}
    assert evidence.inputs["2, 1"] == 1.0
    assert evidence.inputs["3, 2"] < 1.0
    assert all(evidence.inputs[name] > 0 for name in evidence.behaviours["dev-0.0"])


async def test_examples_of_the_task_itself_are_claims_of_weight(tmp_path: Path) -> None:
    seen = await observed(tmp_path, 1)
    claims = evidence_of(seen, candidates=ALL, testers=(), seed=1).claims
    assert [(c.author, c.input_id, c.output) for c in claims] == [("task", "'ab'", "'abab'")]


async def test_rivals_count_the_same_executions(tmp_path: Path) -> None:
    seen = await observed(tmp_path)
    dual, passed = (f(seen, candidates=ALL, testers=ALL) for f in (codet, most_tests))
    assert passed[0] == 3
    assert passed[6] == 2
    assert passed[11] == 3
    assert passed[9] == 0
    assert dual[0] == pytest.approx(3 * 6**0.5)


def test_values_are_compared_as_python_does() -> None:
    assert same_value("1", "1.0")
    assert same_value("[1, 2]", "[1,2]")
    assert not same_value("[1]", "(1,)")
    assert not same_value("<object>", "x")


@pytest.mark.parametrize(
    ("content", "field"),
    [(b"{}\n", "task_id"), (b"not json\n", ":1"), (b'\n\n{"task_id": 3}\n', ":3"), (b"\xff\xfe", "file")],
)
def test_a_file_of_another_format_is_named_with_its_line(tmp_path: Path, content: bytes, field: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=field):
        read_problems(path)


async def test_missing_empty_and_too_small_are_input_errors(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl.gz"
    empty.write_bytes(gzip.compress(b""))
    for path, samples in ((tmp_path / "none.jsonl", 10), (empty, 10), (write_samples(tmp_path), 1)):
        with pytest.raises(InputError):
            await bench_rank(path, samples=samples, runner=InProcessCells())


def test_calibration_of_honest_probabilities_is_small_and_abstention_helps() -> None:
    pairs = [(p / 10 + 0.05, float(i < p + 0.5)) for p in range(10) for i in range(10)]
    found = calibrate(pairs, pairs)
    assert found.error <= 0.051
    assert found.accuracy_kept > found.accuracy + 10
    assert calibrate([(0.9, 0.0)] * 5, [(0.9, 0.0)]).error == 0.9


def test_the_interval_holds_the_mean_and_is_repeatable() -> None:
    values = [0.0, 1.0] * 40
    low, high = interval(values, seed=1)
    assert 35 < low < 50 < high < 65
    assert (low, high) == interval(values, seed=1)


def sample_report() -> RankReport:
    return RankReport(
        file="samples<&>.jsonl",
        tasks=2,
        samples=12,
        pass_at_1=75.0,
        interval=(50.0, 100.0),
        random=30.0,
        oracle=100.0,
        efficiency=0.64,
        codet=60.0,
        most_tests=31.0,
        curve=(CurvePoint(samples=4, pass_at_1=50.0, pass_at_1_kept=60.0, codet=40.0, random=30.0),),
        calibration=Calibration.model_validate(
            {
                "error": 0.05,
                "accuracy": 75.0,
                "accuracy_kept": 90.0,
                "bins": [{"low": 0.7, "high": 0.8, "councils": 4, "predicted": 0.75, "actual": 0.8}],
            }
        ),
        stopping=Stopping(cap=48, samples=30.0, saved=0.375, pass_at_1=74.0, fixed_pass_at_1=75.0),
        seconds=3.0,
        cpu_seconds=2.0,
    )


def test_the_plot_is_well_formed_and_carries_its_figures() -> None:
    svg = reliability_svg(sample_report())
    root = ElementTree.fromstring(svg)
    assert root.attrib["viewBox"] == "0 0 416 416"
    assert "predicted 0.75, right 0.80" in svg
    assert json.loads(sample_report().model_dump_json())["calibration"]["error"] == 0.05
