"""What users report changes who is listened to: written into the deliberation that uses it, and nowhere else."""

from datetime import timedelta

import pytest
from fake_time import fake_time
from small_fleet import Says, SmallFleet, by_agent, small_fleet
from story import task

from swe_ai_fleet.domain.events import Started
from swe_ai_fleet.errors import InputError, RecordNotFoundError, RecordUnavailableError
from swe_ai_fleet.messaging.in_memory import InMemoryReliabilityBooks
from swe_ai_fleet.orchestrator.usecases.report_outcome_async import ReportOutcomeAsync
from swe_ai_fleet.orchestrator.usecases.result import rebuild

WRONG, FIX = Says(content="wrong design"), Says(content="a fix by design")
DESIGNS = by_agent({"dev-1": WRONG, "dev-2": FIX, "dev-3": Says(content="words")}, Says(content="more words"))
ODD = Says(content="words", judges=lambda first, second: "first" if first > second else "second")
MISJUDGED = by_agent({"dev-1": WRONG, "dev-2": FIX, "dev-3": ODD}, Says(content="more words"))
TEXT = task(agents=5, code=False)


def reporting(fleet: SmallFleet) -> ReportOutcomeAsync:
    record = fleet.record
    return ReportOutcomeAsync(events=record.events, reliability=record.reliability, clock=fleet.clock)


async def decide(fleet: SmallFleet, name: str) -> dict[str, float]:
    """Deliberate; the weights that the deliberation began with."""
    result = await fleet.deliberate.run(fleet.request(TEXT, deliberation_id=name))
    events = await fleet.events(name)
    assert rebuild(events) == result
    return next(event for event in events if isinstance(event, Started)).reliability


@fake_time
async def test_who_was_right_has_more_weight_in_the_next_deliberation_and_the_events_tell_which() -> None:
    async with small_fleet(DESIGNS) as fleet:
        assert await decide(fleet, "d1") == {}
        reported = await reporting(fleet).verdict("d1", is_good=True)
        assert reported.about == "d1/dev-2.0"
        assert reported.book.task_class == "DEV-text"
        weights = await decide(fleet, "d2")
        assert weights["dev-2"] > weights["dev-1"] > 1.0
        await reporting(fleet).verdict("d2", is_good=False)
        await reporting(fleet).verdict("d1", is_good=False)
        assert (await decide(fleet, "d3"))["dev-2"] < 1.0


@fake_time
async def test_reporting_twice_counts_once_whoever_reports() -> None:
    async with small_fleet(DESIGNS) as fleet:
        await decide(fleet, "d1")
        once = (await reporting(fleet).verdict("d1", is_good=True)).book
        again = (await reporting(fleet).verdict("d1", is_good=True, proposal_id="dev-2.0")).book
        assert again == once


@fake_time
async def test_of_a_pair_the_judges_are_marked_that_were_sure_of_it() -> None:
    async with small_fleet(MISJUDGED) as fleet:
        await decide(fleet, "d1")
        reported = await reporting(fleet).pair("d1", better="dev-2.0", worse="dev-1.0")
        assert {mark.was_right for mark in reported.marks} == {False, True}
        assert reported.marks[0].whose == "judge/vllm:tiny"
        await decide(fleet, "d2")
        started = next(e for e in await fleet.events("d2") if isinstance(e, Started))
        assert set(started.judges) <= {f"dev-{n}" for n in range(1, 6)}


@fake_time
async def test_what_cannot_be_reported_on_is_named() -> None:
    async with small_fleet(DESIGNS) as fleet:
        await decide(fleet, "d1")
        report = reporting(fleet)
        with pytest.raises(RecordNotFoundError):
            await report.verdict("d9", is_good=True)
        with pytest.raises(InputError, match="--proposal"):
            await report.verdict("d1", is_good=True, proposal_id="dev-9.0")
        with pytest.raises(InputError, match="--worse"):
            await report.pair("d1", better="dev-1.0", worse="dev-9.0")
        with pytest.raises(InputError, match="--better"):
            await report.pair("d1", better="dev-1.0", worse="dev-1.0")
        await fleet.record.events.publish(fleet.request(TEXT, deliberation_id="open"))
        with pytest.raises(InputError, match="still open"):
            await report.verdict("open", is_good=True)


@fake_time
async def test_books_that_cannot_be_read_leave_everybody_one_vote() -> None:
    class NoBooks(InMemoryReliabilityBooks):
        async def get(self, task_class: str) -> object:  # type: ignore[override]  # never returns
            raise RecordUnavailableError("no leader")

    async with small_fleet(DESIGNS) as fleet:
        object.__setattr__(fleet.deliberate, "reliability", NoBooks())
        assert await decide(fleet, "d1") == {}


@fake_time
async def test_an_outcome_is_worth_half_after_ninety_days() -> None:
    async with small_fleet(DESIGNS) as fleet:
        await decide(fleet, "d1")
        book = (await reporting(fleet).verdict("d1", is_good=True)).book
        [record] = [r for whose, r in book.records.items() if whose.startswith("agent/")]
        assert record.as_of is not None
        assert record.at(record.as_of + timedelta(days=90)).right == pytest.approx(0.5)
