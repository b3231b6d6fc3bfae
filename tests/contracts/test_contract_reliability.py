"""What every store of reliability books promises."""

import asyncio
from functools import partial

import pytest
from story import T0

from swe_ai_fleet.domain.reliability import Mark, ReliabilityBook, Report
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.ports.record import Record

KEY = "agent/vllm:tiny/DEV/dev-1"


def reporting(book: ReliabilityBook, about: str) -> ReliabilityBook:
    return book.with_report(about, Report(marks=(Mark(whose=KEY, was_right=True),), at=T0))


async def test_a_class_of_which_nothing_is_known_has_an_empty_book(record: Record) -> None:
    assert await record.reliability.get("DEV-code") == ReliabilityBook(task_class="DEV-code")


async def test_what_was_changed_is_there_and_other_classes_are_not_touched(record: Record) -> None:
    changed = await record.reliability.change("DEV-code", lambda book: reporting(book, "d1/dev-1.0"))
    assert changed.records[KEY].right == 1.0
    assert await record.reliability.get("DEV-code") == changed
    assert not (await record.reliability.get("DEV-text")).records


async def test_of_many_that_change_it_at_once_none_is_lost(record: Record) -> None:
    async with asyncio.TaskGroup() as group:
        for n in range(8):
            change = partial(reporting, about=f"d{n}/dev-1.0")
            group.create_task(record.reliability.change("DEV-code", change))
    assert (await record.reliability.get("DEV-code")).records[KEY].right == 8.0


async def test_a_class_that_cannot_stand_in_a_subject_is_refused(record: Record) -> None:
    with pytest.raises(InputError, match="task_class"):
        await record.reliability.get("a.b")
