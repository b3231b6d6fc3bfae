"""What every work queue and its dead letters promise."""

import asyncio

import pytest
from story import T0, task

from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.errors import RecordNotFoundError
from swe_ai_fleet.messaging.streams import MAX_DELIVER
from swe_ai_fleet.ports.record import Command, Delivery, Record

SOON_S = 5.0
NOW_S = 0.1


def command(name: str = "d1", a_task: Task | None = None) -> Command:
    return Command(deliberation_id=name, task=a_task or task(), seed=7, models=("vllm:tiny",), time=T0)


async def take(record: Record) -> Delivery:
    delivery = await record.commands.next(wait_s=SOON_S)
    assert delivery is not None
    return delivery


async def is_empty(record: Record) -> bool:
    return await record.commands.next(wait_s=NOW_S) is None


async def test_a_command_is_handed_out_once_and_gone_when_acknowledged(record: Record) -> None:
    assert not (await record.commands.submit(command())).duplicate
    delivery = await take(record)
    assert delivery.command == command()
    assert delivery.delivered == 1
    assert await is_empty(record)
    await delivery.ack()
    assert await is_empty(record)


async def test_commands_come_in_the_order_in_which_they_were_put(record: Record) -> None:
    for name in ("d1", "d2", "d3"):
        await record.commands.submit(command(name))
    assert [(await take(record)).command.deliberation_id for _ in range(3)] == ["d1", "d2", "d3"]


async def test_the_same_deliberation_again_is_a_duplicate(record: Record) -> None:
    first = await record.commands.submit(command())
    again = await record.commands.submit(command())
    assert again.duplicate
    assert again.sequence == first.sequence
    await (await take(record)).ack()
    assert await is_empty(record)


async def test_what_waits_is_counted(record: Record) -> None:
    assert await record.commands.pending() == 0
    for name in ("d1", "d2"):
        await record.commands.submit(command(name))
    assert await record.commands.pending() == 2
    await (await take(record)).ack()
    assert await record.commands.pending() == 1


async def test_a_command_is_found_until_it_is_settled(record: Record) -> None:
    assert await record.commands.find("d2") is None
    for name in ("d1", "d2"):
        await record.commands.submit(command(name))
    assert await record.commands.find("d2") == command("d2")
    await (await take(record)).ack()
    assert await record.commands.find("d1") is None
    second = await take(record)
    assert await record.commands.find("d2") == command("d2")
    await second.ack()
    assert await record.commands.find("d2") is None


async def test_an_empty_queue_gives_nothing(record: Record) -> None:
    assert await is_empty(record)


async def test_a_command_that_is_handed_back_comes_again_and_counts(record: Record) -> None:
    await record.commands.submit(command())
    await (await take(record)).nak(delay_s=0)
    again = await take(record)
    assert again.command == command()
    assert again.delivered == 2


async def test_a_command_that_is_handed_back_for_later_waits(record: Record) -> None:
    await record.commands.submit(command())
    await (await take(record)).nak(delay_s=0.5)
    assert await is_empty(record)
    assert (await take(record)).delivered == 2


async def test_work_in_progress_keeps_its_command(record: Record) -> None:
    await record.commands.submit(command())
    delivery = await take(record)
    await delivery.in_progress()
    assert await is_empty(record)
    await delivery.ack()


async def test_a_command_that_is_given_up_is_a_dead_letter_once(record: Record) -> None:
    await record.commands.submit(command())
    delivery = await take(record)
    await delivery.term("the repository is gone\nfor good ✗")
    assert await is_empty(record)
    (letter,) = await record.dead_letters.list()
    assert letter.deliberation_id == "d1"
    assert letter.reason == "the repository is gone\nfor good ✗"
    assert letter.delivered == 1
    assert letter.retried is None
    assert await record.dead_letters.get(letter.letter_id) == letter


async def test_a_command_that_nobody_finishes_is_a_dead_letter_in_the_end(record: Record) -> None:
    await record.commands.submit(command())
    for _ in range(MAX_DELIVER):
        await (await take(record)).nak(delay_s=0)
    assert await is_empty(record)
    (letter,) = await record.dead_letters.list()
    assert letter.reason == f"given up after {MAX_DELIVER} deliveries"


async def test_a_dead_letter_goes_back_on_the_queue_once(record: Record) -> None:
    await record.commands.submit(command())
    await (await take(record)).term("no")
    (letter,) = await record.dead_letters.list()
    assert not (await record.dead_letters.retry(letter.letter_id)).duplicate
    assert (await record.dead_letters.retry(letter.letter_id)).duplicate
    delivery = await take(record)
    assert delivery.command == command()
    assert delivery.delivered == 1
    assert await is_empty(record)
    assert (await record.dead_letters.get(letter.letter_id)).retried is not None


async def test_a_command_that_is_given_up_twice_has_two_letters_the_latest_first(record: Record) -> None:
    await record.commands.submit(command())
    await (await take(record)).term("first")
    (letter,) = await record.dead_letters.list()
    await record.dead_letters.retry(letter.letter_id)
    await (await take(record)).term("second")
    assert [letter.reason for letter in await record.dead_letters.list()] == ["second", "first"]
    assert [letter.reason for letter in await record.dead_letters.list(limit=1)] == ["second"]


async def test_whoever_waits_is_told_that_a_command_was_given_up(record: Record) -> None:
    waiting = asyncio.ensure_future(record.dead_letters.wait("d1"))
    for name in ("d0", "d1"):
        await record.commands.submit(command(name))
    await (await take(record)).term("somebody else's")
    await (await take(record)).term("no such repository", refused=True)
    letter = await waiting
    assert (letter.deliberation_id, letter.reason, letter.refused) == ("d1", "no such repository", True)
    assert await record.dead_letters.wait("d1") == letter
    assert not (await record.dead_letters.wait("d0")).refused


async def test_a_letter_that_went_back_is_waited_for_anew(record: Record) -> None:
    await record.commands.submit(command())
    await (await take(record)).term("first")
    await record.dead_letters.retry((await record.dead_letters.wait("d1")).letter_id)
    waiting = asyncio.ensure_future(record.dead_letters.wait("d1"))
    await (await take(record)).term("second")
    assert (await waiting).reason == "second"


async def test_an_unknown_letter_is_not_found(record: Record) -> None:
    with pytest.raises(RecordNotFoundError, match="12345"):
        await record.dead_letters.get("12345")
    with pytest.raises(RecordNotFoundError, match="12345"):
        await record.dead_letters.retry("12345")


async def test_a_large_command_comes_back_whole(record: Record) -> None:
    large = command(a_task=Task(description="Ω" * 200_000))
    await record.commands.submit(large)
    delivery = await take(record)
    assert delivery.command == large
    await delivery.ack()


async def test_a_large_command_that_is_given_up_can_be_tried_again(record: Record) -> None:
    large = command(a_task=Task(description="Ω" * 200_000))
    await record.commands.submit(large)
    await (await take(record)).term("not now")
    (letter,) = await record.dead_letters.list()
    assert letter.deliberation_id == "d1"
    await record.dead_letters.retry(letter.letter_id)
    assert (await take(record)).command == large
