"""What only the record in memory lets a test set: how long a command may stay in one hand."""

import pytest
from story import T0, task

from swe_ai_fleet.messaging.in_memory import open_in_memory_record
from swe_ai_fleet.ports.record import Command

pytestmark = pytest.mark.timeout(60)
COMMAND = Command(deliberation_id="d1", task=task(), seed=7, time=T0)


async def test_a_command_whose_worker_says_nothing_is_handed_out_again() -> None:
    async with open_in_memory_record(ack_wait_s=0.05) as record:
        await record.commands.submit(COMMAND)
        first = await record.commands.next(wait_s=1)
        again = await record.commands.next(wait_s=1)
    assert first is not None
    assert again is not None
    assert (first.delivered, again.delivered) == (1, 2)


async def test_a_worker_that_reports_progress_keeps_its_command() -> None:
    async with open_in_memory_record(ack_wait_s=0.3) as record:
        await record.commands.submit(COMMAND)
        delivery = await record.commands.next(wait_s=1)
        assert delivery is not None
        for _ in range(4):
            assert await record.commands.next(wait_s=0.1) is None
            await delivery.in_progress()
        await delivery.ack()
        assert await record.commands.next(wait_s=0.4) is None


async def test_a_command_that_kills_every_worker_is_given_up() -> None:
    async with open_in_memory_record(ack_wait_s=0.01, max_deliver=3) as record:
        await record.commands.submit(COMMAND)
        for _ in range(3):
            assert await record.commands.next(wait_s=1) is not None
        assert await record.commands.next(wait_s=0.1) is None
        (letter,) = await record.dead_letters.list()
    assert letter.reason == "given up after 3 deliveries"


async def test_two_records_share_nothing() -> None:
    async with open_in_memory_record() as one, open_in_memory_record() as other:
        await one.commands.submit(COMMAND)
        assert await other.commands.next(wait_s=0.01) is None
