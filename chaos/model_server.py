"""A simulated model server as a process of its own: what it does wrong comes in on stdin, what it saw goes to a file.

``python -m chaos.model_server PORT LOG SEED``; every line of stdin is ``{"faults": {...}, "traits": {...}}``, each part
optional, and takes effect at once. The log has two lines a request: when it came, and how it ended.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from aiohttp import web

from swe_ai_fleet.models.simulated.faults import FaultPlan
from swe_ai_fleet.models.simulated.request import ChatRequest
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits

REPAIRED = """\
The comparison leaves out the last one.

stock.py
<<<<<<< SEARCH
    return have > wanted
=======
    return have >= wanted
>>>>>>> REPLACE
"""


class LoggedModelServer(SimulatedModelServer):
    """Writes down which request came when and how it ended."""

    def __init__(self, *, port: int, log: Path, seed: int) -> None:
        """The log is appended to, so that a server that is started again goes on in it."""
        super().__init__(port=port, seed=seed, script=_script)
        self._log = log.open("a", buffering=1)

    async def _exchange(
        self, http: web.Request, request: ChatRequest, raw: bytes, traits: Traits, plan: FaultPlan
    ) -> web.StreamResponse:
        fault = plan.fault(request.number, seed=self._seed)
        place = {"server": self._log.name, "born": _BORN, "number": request.number}
        told = {"deliberation": request.headers.get("x-session-id", ""), "seed": request.body.get("seed")}
        self._write({**place, **told, "at": time.time(), "fault": fault})
        whole = False
        try:
            response = await super()._exchange(http, request, raw, traits, plan)
            whole = response.status == 200 and (fault is None or fault.leaves_an_answer)
            return response
        finally:
            self._write({**place, "ended": time.time(), "whole": whole})

    def _write(self, line: dict[str, object]) -> None:
        self._log.write(json.dumps(line) + "\n")


_BORN = time.time()


def _script(request: ChatRequest) -> str | None:
    """The right edit for the repository of the chaos run; anything else is made up."""
    return REPAIRED if request.json_schema is None and "have > wanted" in request.prompt else None


async def _obey(server: LoggedModelServer) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        order = json.loads(line)
        if "faults" in order:
            server.faults = FaultPlan.model_validate(order["faults"])
        if "traits" in order:
            server.traits = Traits.model_validate(order["traits"])


async def _main(port: int, log: Path, seed: int) -> None:
    async with LoggedModelServer(port=port, log=log, seed=seed) as server:
        print(server.url, flush=True)
        await _obey(server)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])))
