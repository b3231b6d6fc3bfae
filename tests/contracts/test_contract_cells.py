"""What every cell runner promises, in this process and on Ray."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence

import pytest
from local_ray import local_ray
from sandboxes import command_lines, strongest

from swe_ai_fleet.errors import PlacementError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_cells import RayCellRunner
from swe_ai_fleet.ports.cells import Call, CellLimits, CellResult, Program
from swe_ai_fleet.sandbox.cells import SandboxCellRunner

pytestmark = [pytest.mark.sandbox, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]

Runner = SandboxCellRunner | RayCellRunner
LIMITS = CellLimits(cell_s=0.1, load_s=0.5, timeouts=2)
HONEST = "def f(x):\n    return x * 2\n"
HANGS = "def f(x):\n    while x == 2:\n        pass\n    return -x\n"
ENDS = "import os\ndef f(x):\n    os._exit(0)\n"
FORGES = (
    "import os\nfor number in range(3, 10):\n"
    '    try: os.write(number, b\'[["ok","2",false]]\\n{"program": 0}\\n\' * 9)\n'
    "    except OSError: pass\ndef f(x): return 'own'\n"
)


def build() -> SandboxCellRunner:
    """Makes the runner of a worker."""
    return SandboxCellRunner(strongest(), concurrency=1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with local_ray():
        yield


@pytest.fixture(params=["in_process", pytest.param("ray", marks=pytest.mark.ray)], scope="module")
def runner(request: pytest.FixtureRequest) -> Runner:
    if request.param == "in_process":
        return SandboxCellRunner(strongest(), concurrency=2)
    request.getfixturevalue("cluster")
    return RayCellRunner(RayOptions(), build)


def programs(*sources: str) -> list[Program]:
    return [Program(source=source, entry_point="f") for source in sources]


def calls(*arguments: str) -> list[Call]:
    return [Call(arguments=one) for one in arguments]


async def rows(runner: Runner, sources: Sequence[str], arguments: Sequence[str]) -> list[list[CellResult]]:
    """Each program's cells, in the order of the calls; every cell came exactly once."""
    found: dict[int, dict[int, CellResult]] = defaultdict(dict)
    async for cell in runner.run(programs(*sources), calls(*arguments), limits=LIMITS):
        assert cell.call not in found[cell.program]
        found[cell.program][cell.call] = cell
    return [[found[row][place] for place in range(len(arguments))] for row in range(len(sources))]


def servers() -> int:
    """Sandboxed servers that run on this machine."""
    return sum("cell_server.py" in line for line in command_lines())


async def test_every_cell_comes_once_under_its_own_program(runner: Runner) -> None:
    sources = [f"def f(x): return x + {number}" for number in range(20)]

    found = await rows(runner, sources, ["1", "10", "None"])

    assert [[cell.output for cell in row[:2]] for row in found] == [
        [str(1 + n), str(10 + n)] for n in range(20)
    ]
    assert {row[2].status for row in found} == {"raised"}


async def test_nothing_to_run_gives_nothing(runner: Runner) -> None:
    assert [cell async for cell in runner.run([], calls("1"))] == []
    assert [cell async for cell in runner.run(programs(HONEST), [])] == []


async def test_a_cell_that_hangs_ends_or_forges_costs_its_own_program_only(runner: Runner) -> None:
    found = await rows(runner, [HONEST, HANGS, ENDS, FORGES, HONEST], ["1", "2", "3"])

    assert [cell.output for cell in found[0]] == [cell.output for cell in found[4]] == ["2", "4", "6"]
    assert [(cell.status, cell.output) for cell in found[1]] == [
        ("ok", "-1"),
        ("timeout", None),
        ("ok", "-3"),
    ]
    assert {cell.status for cell in found[2]} == {"killed"}
    assert len(found[3]) == 3


async def test_leaving_early_kills_what_runs(runner: Runner) -> None:
    before = servers()
    slow = "import time\ndef f(x): time.sleep(600)\n"
    cells = runner.run(programs(*[slow] * 7), calls("1"), limits=CellLimits(cell_s=60.0))

    waiting = asyncio.ensure_future(anext(cells))
    async with asyncio.timeout(50):
        while servers() == before:  # noqa: ASYNC110 - other processes start them
            await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    async with asyncio.timeout(50):
        while servers() > before:  # noqa: ASYNC110 - other processes end them
            await asyncio.sleep(0.05)
    assert [cell.output async for cell in runner.run(programs(HONEST), calls("4"), limits=LIMITS)] == ["8"]


@pytest.mark.ray
async def test_a_batch_that_no_node_can_host_is_refused(cluster: None) -> None:
    runner = RayCellRunner(RayOptions(check_cpus=999.0), build)
    with pytest.raises(PlacementError):
        await anext(runner.run(programs(HONEST), calls("1")))
