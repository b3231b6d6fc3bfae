"""Many tasks, one after the other finished: results as they come, each once, and what they add up to."""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from pydantic import JsonValue

from swe_ai_fleet.cli.batch_file import batch_id_of
from swe_ai_fleet.cli.exits import Exit, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.output import writing
from swe_ai_fleet.cli.progress import Progress
from swe_ai_fleet.cli.task_file import TaskFile
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.errors import BudgetError, InputError, RecordError
from swe_ai_fleet.orchestrator.usecases.requesting import task_id_of
from swe_ai_fleet.tracing.spans import span

if TYPE_CHECKING:
    from swe_ai_fleet.bootstrap import Fleet

REFUSED = "refused"
"""The ending of a task that could not even be asked for: its repository is gone, its budget holds nobody."""
STDOUT = Path("-")
_MODEL_NAME = "swe-ai-fleet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """``results.jsonl``, one result a line, and ``predictions.jsonl`` as SWE-bench's harness reads it."""

    results: TextIO
    predictions: TextIO | None

    def add(self, task_id: str, result: Result | None, line: str) -> None:
        """Write one task's lines at once, so that a batch that dies loses none that had ended."""
        patch = "" if result is None or result.winner is None else result.winner.patch or ""
        prediction = {"instance_id": task_id, "model_name_or_path": _MODEL_NAME, "model_patch": patch}
        for file, text in ((self.results, line), (self.predictions, json.dumps(prediction))):
            if file is not None:
                file.write(text + "\n")
                file.flush()


@contextmanager
def open_files(folder: Path) -> Iterator[Files]:
    """Both files, written anew; ``-`` stands for results on stdout and no predictions.

    Raises:
        InputError: of ``--out``: the folder cannot be written.
    """
    if folder == STDOUT:
        yield Files(results=sys.stdout, predictions=None)
        return
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        results = (folder / "results.jsonl").open("w", encoding="utf-8", errors="replace")
        predictions = (folder / "predictions.jsonl").open("w", encoding="utf-8", errors="replace")
    with results, predictions:
        yield Files(results=results, predictions=predictions)


@dataclass(slots=True, kw_only=True)
class Batch:
    """One run over many tasks; at most ``concurrency`` deliberate at once."""

    fleet: "Fleet"
    prefix: str
    models: tuple[str, ...]
    concurrency: int
    progress: Progress
    files: Files
    endings: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    running: set[str] = field(default_factory=set)
    is_stopping: bool = False

    async def run(self, tasks: Sequence[TaskFile], interrupts: Interrupts) -> None:
        """All of them; an interrupt cancels those that run and begins no more.

        Raises:
            RecordError: the record is away; what had ended is in the files, and the same batch again goes on.
        """
        slots = asyncio.Semaphore(self.concurrency)
        async with asyncio.TaskGroup() as group:
            with interrupts.calling(lambda: group.create_task(self._cancel_all())):
                async with asyncio.TaskGroup() as work:
                    for file in tasks:
                        await slots.acquire()
                        task = work.create_task(self._one(file))
                        task.add_done_callback(lambda _: slots.release())

    async def _cancel_all(self) -> None:
        self.is_stopping = True
        for deliberation_id in sorted(self.running):
            with suppress(RecordError):
                await self.fleet.cancel.run(deliberation_id, reason="interrupted by the user")

    async def _one(self, file: TaskFile) -> None:
        if self.is_stopping:
            return
        deliberation_id = batch_id_of(self.prefix, file.task)
        self.running.add(deliberation_id)
        try:
            with file.locating(), ungrouped():
                result = await self._deliberate(file, deliberation_id)
        except (InputError, BudgetError) as error:
            self._refuse(file, deliberation_id, str(error))
        else:
            self.endings[result.outcome.value] += 1
            self.tokens += result.usage.total_tokens
            self.files.add(result.task_id, result, result.model_dump_json())
        finally:
            self.running.discard(deliberation_id)

    async def _deliberate(self, file: TaskFile, deliberation_id: str) -> Result:
        with span("swe-fleet batch"):
            requested, notes = await self.fleet.request(
                file.task, deliberation_id=deliberation_id, models=self.models, relative_to=file.folder
            )
            return await self.fleet.deliberate.run(requested, notes=notes, observe=self.progress.observe)

    def _refuse(self, file: TaskFile, deliberation_id: str, reason: str) -> None:
        task_id = task_id_of(file.task)
        self.endings[REFUSED] += 1
        self.progress.note(f"{task_id}: {reason}")
        line = {"deliberation_id": deliberation_id, "task_id": task_id, "outcome": REFUSED, "reason": reason}
        self.files.add(task_id, None, json.dumps(line))

    def summary(self) -> dict[str, JsonValue]:
        """What it came to."""
        return {
            "batch_id": self.prefix,
            "outcomes": dict(sorted(self.endings.items())),
            "tokens": self.tokens,
        }

    def exit_code(self, tasks: int) -> Exit:
        """0 where every task was decided."""
        is_all = self.endings[DeliberationOutcome.DECIDED.value] == tasks
        return Exit.DECIDED if is_all else Exit.NO_DECISION
