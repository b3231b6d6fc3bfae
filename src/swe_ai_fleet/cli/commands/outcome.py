"""``swe-fleet outcome``: how a decision turned out, which is all that reliability is learnt from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option
from swe_ai_fleet.errors import InputError

if TYPE_CHECKING:
    from pydantic import JsonValue

    from swe_ai_fleet.orchestrator.usecases.report_outcome_async import Reported, ReportOutcomeAsync


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One thing that the user knows: of one answer whether it is good, or of two which is better."""

    deliberation_id: str
    is_good: bool = True
    proposal_id: str | None = None
    pair: tuple[str, str] | None = None
    """The better and the worse one."""


@click.command("outcome", epilog=EPILOG)
@click.argument("deliberation_id", metavar="ID", required=False)
@click.option("--merged", is_flag=True, help="The answer was taken: the same as --verdict good.")
@click.option("--rejected", is_flag=True, help="The answer was turned down: the same as --verdict bad.")
@click.option("--verdict", type=click.Choice(["good", "bad"]), help="What the answer turned out to be.")
@click.option("--proposal", metavar="ID", help="The answer that is meant (the winner).")
@click.option("--better", metavar="ID", help="This answer is better ...")
@click.option("--worse", metavar="ID", help="... than this one: a pair of the judges' gold set.")
@click.option(
    "--gold",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help='Many pairs, one a line: {"deliberation_id": ..., "better": ..., "worse": ...}.',
)
@json_option
def command(
    deliberation_id: str | None,
    *,
    merged: bool,
    rejected: bool,
    verdict: str | None,
    proposal: str | None,
    better: str | None,
    worse: str | None,
    gold: Path | None,
    as_json: bool,
) -> int:
    """Report how a decision turned out; agents and judges that were right have more weight from then on.

    Nothing else teaches the fleet who is reliable. Reporting the same twice changes nothing; another verdict on the
    same answer takes the place of the first. Agents are known by model, role and id, judges by their model, both for
    one class of tasks (constraints.metadata.task_class, or the role and whether there is code).
    """
    from swe_ai_fleet.cli.running import run

    verdicts = [merged or verdict == "good", rejected or verdict == "bad"]
    has_pair = better is not None or worse is not None
    if sum(verdicts) + has_pair + (gold is not None) != 1:
        raise click.UsageError(
            "Give one of --merged, --rejected, --verdict, --better with --worse, and --gold FILE."
        )
    if gold is not None:
        if deliberation_id is not None:
            raise click.UsageError("--gold FILE names the deliberations; leave ID out.")
        return run(partial(_report, _read_gold(gold), as_json))
    if deliberation_id is None:
        raise click.UsageError("Give the ID of the deliberation.")
    if has_pair:
        if better is None or worse is None or proposal is not None:
            raise click.UsageError("--better and --worse belong together, without --proposal.")
        said = Said(deliberation_id=deliberation_id, pair=(better, worse))
    else:
        said = Said(deliberation_id=deliberation_id, is_good=verdicts[0], proposal_id=proposal)
    return run(partial(_report, [said], as_json))


def _read_gold(path: Path) -> list[Said]:
    """The pairs of a gold set.

    Raises:
        InputError: a line is not one.
    """
    with click.open_file(str(path)) as file:
        lines = [(number, line) for number, line in enumerate(file, start=1) if line.strip()]
    return [_pair_of(number, line) for number, line in lines]


def _pair_of(number: int, line: str) -> Said:
    names = ("deliberation_id", "better", "worse")
    try:
        document = json.loads(line)
        deliberation_id, better, worse = (document[name] for name in names)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        problem = "is not an object with deliberation_id, better and worse"
        raise InputError(f"--gold, line {number}", line.strip()[:80], problem, "Correct it.") from error
    if not all(isinstance(value, str) for value in (deliberation_id, better, worse)):
        raise InputError(f"--gold, line {number}", line.strip()[:80], "all three are texts", "Correct it.")
    return Said(deliberation_id=deliberation_id, pair=(better, worse))


async def _report(said: Sequence[Said], as_json: bool, interrupts: Interrupts) -> int:  # noqa: FBT001
    del interrupts
    from swe_ai_fleet.cli.output import print_json
    from swe_ai_fleet.cli.session import open_record, prepare
    from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
    from swe_ai_fleet.orchestrator.usecases.report_outcome_async import ReportOutcomeAsync

    with ungrouped():
        async with open_record(prepare()) as record:
            usecase = ReportOutcomeAsync(
                events=record.events, reliability=record.reliability, clock=SystemClock()
            )
            reported = [await _enter(usecase, one) for one in said]
    if as_json:
        print_json([_document(one) for one in reported])
        return 0
    for one in reported:
        for line in _lines(one):
            click.echo(line)
    return 0


async def _enter(usecase: "ReportOutcomeAsync", said: Said) -> "Reported":
    if said.pair is not None:
        better, worse = said.pair
        return await usecase.pair(said.deliberation_id, better=better, worse=worse)
    return await usecase.verdict(said.deliberation_id, is_good=said.is_good, proposal_id=said.proposal_id)


def _document(one: "Reported") -> dict[str, "JsonValue"]:
    records = {
        mark.whose: one.book.records[mark.whose] for mark in one.marks if mark.whose in one.book.records
    }
    return {
        "about": one.about,
        "task_class": one.book.task_class,
        "marks": [mark.model_dump() for mark in one.marks],
        "records": {whose: record.model_dump(mode="json") for whose, record in records.items()},
    }


def _lines(one: "Reported") -> list[str]:
    found = [f"{one.about}: reported for tasks of the class {one.book.task_class}"]
    if not one.marks:
        found.append("  nobody is known better by it: no agent stands behind it, and no judge was sure")
    for mark in one.marks:
        record = one.book.records.get(mark.whose)
        counts = "" if record is None else f", now {record.right:.1f} right and {record.wrong:.1f} wrong"
        found.append(f"  {mark.whose}: {'right' if mark.was_right else 'wrong'}{counts}")
    return found
