"""How a matrix is cut into tasks."""

import pytest

from swe_ai_fleet.execution.ray_cells import batch_size

pytestmark = pytest.mark.ray


@pytest.mark.parametrize(
    ("programs", "places", "size"), [(1, 4, 1), (8, 4, 1), (9, 4, 2), (100, 4, 13), (1000, 4, 16), (5, 0, 3)]
)
def test_batches_leave_no_place_idle_and_are_bounded(programs: int, places: int, size: int) -> None:
    assert batch_size(programs, places) == size
