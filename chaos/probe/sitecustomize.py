"""What a fleet process tells while it is being broken, and the one thing in it that can be bent: its own clock.

Python runs this by its name in every process that is started with this folder on ``PYTHONPATH``, Ray's workers
included. Nothing is changed but three functions of the fleet, when the modules that hold them are first imported:

- the clock adds the seconds that stand in the file ``$CHAOS_CLOCK``;
- a publish that the record has acknowledged is noted in ``$CHAOS_NOTES/acks-<pid>.jsonl``, once the caller knows it;
- a worker notes its tasks and its memory every second in ``$CHAOS_NOTES/sizes-<pid>.jsonl``.
"""

import importlib.util
import os
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_NOTES = os.environ.get("CHAOS_NOTES")  # noqa: TID251 - no setting of the fleet
_CLOCK = os.environ.get("CHAOS_CLOCK")  # noqa: TID251


def _note(kind: str, line: dict[str, Any]) -> None:
    """Append a line; what is written survives a process that is killed right afterwards."""
    import json

    path = f"{_NOTES}/{kind}-{os.getpid()}.jsonl"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        os.write(handle, json.dumps(line).encode() + b"\n")
    finally:
        os.close(handle)


def _bend_clock(module: ModuleType) -> None:
    from datetime import UTC, datetime, timedelta
    from pathlib import Path

    path = Path(str(_CLOCK))

    def now(_self: object) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(path.read_text() or 0))

    module.SystemClock.now = now


def _note_acknowledgements(module: ModuleType) -> None:
    import hashlib
    import time

    log: Any = module.NatsEventLog
    publish = log.publish

    async def noted(self: Any, event: Any) -> Any:
        published = await publish(self, event)
        proposal = getattr(event, "proposal", None)
        digest = "" if proposal is None else hashlib.sha256(proposal.content.encode()).hexdigest()[:16]
        name, round_, agent = event.key
        line = {"at": time.time(), "pid": os.getpid(), "deliberation": event.deliberation_id, "type": name}
        line |= {"round": round_, "agent": agent, "duplicate": published.duplicate, "digest": digest}
        _note("acks", line)
        return published

    log.publish = noted


def _note_sizes(module: ModuleType) -> None:
    import asyncio
    import time
    from pathlib import Path

    work: Any = module.WorkAsync
    run = work.run

    async def sizes() -> None:
        while True:
            pages = int(Path("/proc/self/statm").read_text().split()[1])
            files = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
            tasks = len(asyncio.all_tasks())
            line = {"at": time.time(), "rss": pages * os.sysconf("SC_PAGE_SIZE"), "files": files}
            _note("sizes", {**line, "tasks": tasks})
            await asyncio.sleep(1)

    async def noted(self: Any, stop: Any) -> None:
        noting = asyncio.ensure_future(sizes())
        try:
            await run(self, stop)
        finally:
            noting.cancel()

    work.run = noted


_CHANGES: dict[str, Callable[[ModuleType], None]] = {
    "swe_ai_fleet.orchestrator.agents.system_clock": _bend_clock,
    "swe_ai_fleet.messaging.nats_event_log": _note_acknowledgements,
    "swe_ai_fleet.orchestrator.usecases.work_async": _note_sizes,
}


class _Finder:
    """Finds what the others find, and changes it once it has run."""

    def __init__(self) -> None:
        self._busy = False

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        change = _CHANGES.get(name)
        if change is None or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._busy = False
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            run = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                change(module)

            loader.exec_module = exec_module
        return spec


if _NOTES and _CLOCK:
    finder: Any = _Finder()
    sys.meta_path.insert(0, finder)
