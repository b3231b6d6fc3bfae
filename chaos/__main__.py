"""``python -m chaos``: break a fleet as the seed says and judge what is left of it; exit status 1 if anything broke."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from chaos.plan import short_plan, whole_plan
from chaos.run import run, table
from swe_ai_fleet.logs import configure_logs


async def _until_told(running: Coroutine[Any, Any, dict[str, Any]]) -> dict[str, Any]:
    """SIGTERM ends it as Ctrl-C does: whatever was started is ended too."""
    task = asyncio.ensure_future(running)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def main() -> int:
    """Run the plan and print its report."""
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="what is broken when (1)")
    parser.add_argument("--short", action="store_true", help="two minutes instead of twenty")
    parser.add_argument("--stage", action="append", help="only this stage; may be repeated")
    parser.add_argument("--json", action="store_true", help="the whole report as JSON on stdout")
    parser.add_argument("--keep", type=Path, help="a folder that keeps logs and what was written down")
    parser.add_argument("--at-once", type=int, default=1, metavar="N", help="stages side by side (1)")
    given = parser.parse_args()
    plan = (short_plan if given.short else whole_plan)(given.seed)
    stages = tuple(stage for stage in plan if not given.stage or stage.name in given.stage)
    configure_logs("error", "auto")
    report = asyncio.run(_until_told(run(stages, seed=given.seed, keep=given.keep, at_once=given.at_once)))
    print(json.dumps(report) if given.json else table(report))
    return int(any(report["violations"].values()))


if __name__ == "__main__":
    sys.exit(main())
