"""A cell runner that does what programs tell it, in whichever process it is built."""

import os
import signal
from collections.abc import AsyncGenerator, Sequence

from in_process_cells import InProcessCells

from swe_ai_fleet.errors import SandboxUnavailableError
from swe_ai_fleet.ports.cells import Call, CellLimits, CellResult, Program


class BehavingCells(InProcessCells):
    """A program may hold the word ``die`` or ``unavailable``."""

    async def run(
        self, programs: Sequence[Program], calls: Sequence[Call], *, limits: CellLimits | None = None
    ) -> AsyncGenerator[CellResult, None]:
        sources = " ".join(program.source for program in programs)
        if "die" in sources:
            os.kill(os.getpid(), signal.SIGKILL)
        if "unavailable" in sources:
            raise SandboxUnavailableError("nothing strong enough")
        async for cell in super().run(programs, calls, limits=limits):
            yield cell


def build_cells() -> BehavingCells:
    """Makes the runner in the worker."""
    return BehavingCells()
