"""A simulated model server as a process: ``python -m swe_ai_fleet.models.simulated --port 8000``.

It prints its URL on one line of stdout when it answers, and ends on SIGTERM or SIGINT.
"""

import argparse
import asyncio
import signal
import sys

from pydantic import ValidationError

from swe_ai_fleet.models.simulated.faults import FaultPlan
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(prog="python -m swe_ai_fleet.models.simulated", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--shares-port", action="store_true", help="several processes on one port")
    parser.add_argument("--traits", default="{}", help=f"JSON of {', '.join(Traits.model_fields)}")
    parser.add_argument("--faults", default="{}", help=f"JSON of {', '.join(FaultPlan.model_fields)}")
    given = parser.parse_args()
    try:
        server = SimulatedModelServer(
            traits=Traits.model_validate_json(given.traits),
            faults=FaultPlan.model_validate_json(given.faults),
            seed=given.seed,
            host=given.host,
            port=given.port,
            shares_port=given.shares_port,
        )
    except ValidationError as error:
        parser.error(str(error))
    with asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_serve(server))


async def _serve(server: SimulatedModelServer) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with server:
        sys.stdout.write(f"{server.url}\n")
        sys.stdout.flush()
        await stop.wait()


def _new_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - does not exist on every platform
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


if __name__ == "__main__":
    main()
