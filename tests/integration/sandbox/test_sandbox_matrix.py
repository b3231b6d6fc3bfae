"""The matrix of a function in the real sandbox: what a hostile tester proposes costs nobody's other inputs."""

import pytest
from sandboxes import strongest

from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.orchestrator.usecases.gathering_async import run_matrix
from swe_ai_fleet.ranking.observing import plan_observation
from swe_ai_fleet.sandbox.cells import SandboxCellRunner

pytestmark = [pytest.mark.sandbox, pytest.mark.timeout(120)]

TASK = Task(description="Write `def f(n: int) -> int:`, the sum of the first n numbers.", entry_point="f")
LOOP = "def f(n):\n    total = 0\n    for i in range(n + 1):\n        total += i\n    return total\n"
FORMULA = "def f(n):\n    return n * (n + 1) // 2\n"
HONEST = "assert f(3) == 6\nassert f(4) == 10\nassert f(0) == 0"
EXHAUSTING = "\n".join(f"assert f({10**12 + n}) == 1" for n in range(40))


async def test_inputs_that_exhaust_every_program_leave_the_others_inputs_as_they_were() -> None:
    plan = plan_observation(TASK, [("tester-1", EXHAUSTING), ("tester-2", HONEST)], seed=7)
    matrix = run_matrix(SandboxCellRunner(strongest()), [LOOP, FORMULA], "f", plan.groups)
    rows = {source: row async for source, row in matrix}

    for source in (LOOP, FORMULA):
        assert {name: rows[source].get(name) for name in ("0", "3", "4")} == {"0": "0", "3": "6", "4": "10"}
    assert "1000000000000" not in rows[LOOP]
    assert rows[FORMULA]["1000000000000"] == "500000000000500000000000"


async def test_what_is_not_the_same_twice_is_an_abstention() -> None:
    luck = "import random\ndef f(n):\n    return random.random() if n > 3 else n\n"
    matrix = run_matrix(SandboxCellRunner(strongest()), [luck], "f", [["1", "4"]])
    rows = {source: row async for source, row in matrix}
    assert rows == {luck: {"1": "1"}}
