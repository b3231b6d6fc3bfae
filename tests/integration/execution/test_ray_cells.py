"""The matrix as tasks of a real Ray whose workers die."""

import pytest
from behaving_cells import build_cells

from swe_ai_fleet.errors import SandboxUnavailableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_cells import RayCellRunner
from swe_ai_fleet.ports.cells import Call, Program

pytestmark = [pytest.mark.ray, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


@pytest.fixture
def runner(cluster: str) -> RayCellRunner:
    return RayCellRunner(RayOptions(), build_cells)


def programs(count: int, *, mark: str = "") -> list[Program]:
    """All honest but for the third, which has a mark."""
    words = {2: f"'{mark}'"}
    return [
        Program(source=f"def f(x):\n    {words.get(n, '')}\n    return x + {n}\n", entry_point="f")
        for n in range(count)
    ]


async def test_a_program_that_takes_its_worker_along_costs_its_own_row_only(runner: RayCellRunner) -> None:
    found: dict[int, tuple[str, str | None]] = {}
    async for cell in runner.run(programs(20, mark="die"), [Call(arguments="1")]):
        assert cell.program not in found
        found[cell.program] = (cell.status, cell.output)
    assert found.pop(2) == ("killed", None)
    assert found == {n: ("ok", str(n + 1)) for n in range(20) if n != 2}


async def test_the_fleets_own_errors_pass_through(runner: RayCellRunner) -> None:
    with pytest.raises(SandboxUnavailableError, match="nothing strong enough"):
        assert [cell async for cell in runner.run(programs(20, mark="unavailable"), [Call(arguments="1")])]
