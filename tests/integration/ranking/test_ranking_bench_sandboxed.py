import json
from pathlib import Path

import pytest
from command_line import environment, swe_fleet
from recorded_samples import write_samples

from swe_ai_fleet.bench.rank import bench_rank
from swe_ai_fleet.bench.rank_scorer import open_scorer
from swe_ai_fleet.errors import SandboxError
from swe_ai_fleet.sandbox.cells import SandboxCellRunner
from swe_ai_fleet.sandbox.options import SandboxOptions
from swe_ai_fleet.sandbox.selection import choose_sandbox

pytestmark = pytest.mark.sandbox


async def test_recorded_samples_are_decided_in_the_sandbox_and_scored_in_another_process(
    tmp_path: Path,
) -> None:
    options = SandboxOptions()
    runner = SandboxCellRunner(choose_sandbox(options), concurrency=2)
    report = await bench_rank(write_samples(tmp_path), samples=12, runner=runner, scorer=options)
    assert report.tasks == 2
    assert report.pass_at_1 == 100.0
    assert report.oracle == 100.0
    assert report.random == pytest.approx(37.5)
    assert report.pass_at_1 >= report.codet
    assert [point.samples for point in report.curve] == [4, 8, 12]
    assert report.stopping is None
    again = await bench_rank(write_samples(tmp_path), samples=12, runner=runner, scorer=options)
    assert again.decisions == report.decisions


@pytest.mark.ray
@pytest.mark.nats
async def test_the_command_decides_the_same_with_the_candidates_on_ray(tmp_path: Path) -> None:
    file, env = write_samples(tmp_path), environment(tmp_path)
    here = await swe_fleet("bench", "rank", str(file), "--samples", "12", "--json", env=env)
    on_ray = await swe_fleet("bench", "rank", str(file), "--samples", "12", "--ray", "--json", env=env)
    assert (here.exit_code, on_ray.exit_code) == (0, 0), on_ray.stderr
    assert json.loads(on_ray.stdout)["decisions"] == json.loads(here.stdout)["decisions"] != []


async def test_a_scorer_that_cannot_read_its_tests_says_so(tmp_path: Path) -> None:
    async with open_scorer(tmp_path / "none.jsonl", SandboxOptions()) as scorer:
        with pytest.raises(SandboxError, match=r"none\.jsonl"):
            await scorer.passed("own/bigger", ["x = 1"])
