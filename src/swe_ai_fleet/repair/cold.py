"""The cold interpreter of one job, which edits the job's files while it tries a candidate."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from swe_ai_fleet.ports.checks import Sandbox
from swe_ai_fleet.repair.files import put_back
from swe_ai_fleet.repair.harness import Harness, open_harness
from swe_ai_fleet.repair.job import RepairJob
from swe_ai_fleet.repair.plan import SuitePlan
from swe_ai_fleet.repair.source import Source

_LEAST_S = 60.0
"""How long after the job's deadline it is killed at the latest."""


@asynccontextmanager
async def open_cold(
    job: RepairJob, plan: SuitePlan, sources: Mapping[str, Source], sandbox: Sandbox
) -> AsyncIterator[Harness]:
    """Start it. Leaving kills it, wherever it is: ``sources`` are put back as they were.

    Raises:
        HarnessError: the suite cannot be collected, or its interpreter lacks what the harness needs.
        SandboxError: it could not be started.
    """
    wall_s = max(1.0, job.deadline - asyncio.get_running_loop().time()) + _LEAST_S
    try:
        async with open_harness(sandbox, job.folder, plan, mode="cold", wall_s=wall_s) as harness:
            yield harness
    finally:
        put_back(job.folder, sources)
