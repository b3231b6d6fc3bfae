"""The decision for people: who won and why, the ranking, who is missing, what it cost, the patch."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.ranking import AgentReport, CheckCounts, RankedProposal, Result, TierVerdict
from swe_ai_fleet.report.printable import one_line, printable

_PLACES_SHOWN = 12
_LINES_SHOWN = 400
_GAP = 2
_REASON = 400
_REASON_SHOWN = 160
_INDENT = "  "
_STYLES = {
    DeliberationOutcome.DECIDED: "bold green",
    DeliberationOutcome.UNDECIDED: "bold yellow",
    DeliberationOutcome.FAILED: "bold red",
    DeliberationOutcome.CANCELLED: "bold yellow",
}


def print_result(console: Console, result: Result, *, footer: Sequence[str] = ()) -> None:
    """Everything a reader needs, best first.

    Args:
        console: where to; its width decides how many parts of the score are shown.
        result: the decision.
        footer: lines for the end: where the record is, how to go on.
    """
    for block in _blocks(result, console.width):
        console.print(block)
    for line in footer:
        console.print(Text(line), soft_wrap=True)


def _blocks(result: Result, width: int) -> Iterator[RenderableType]:
    yield _headline(result)
    yield Text("")
    if result.ranking:
        yield _ranking(result.ranking, width)
        yield from _dissent(result)
        yield Text("")
        yield from _tiers(result)
    missing = list(_missing(result.agents))
    if missing:
        yield Group(*missing, Text(""))
    if result.notes:
        yield Group(*(_hanging("Note: ", note) for note in result.notes), Text(""))
    yield from _winner(result)
    yield _cost(result)


def _headline(result: Result) -> RenderableType:
    what = result.outcome.value.capitalize()
    title = Text.assemble((what, _STYLES[result.outcome]), f" after {result.duration_s:.1f} s")
    if result.winner is not None:
        winner = result.winner
        title.append(": ")
        title.append(winner.proposal_id, style="bold")
        title.append(f" by {winner.agent_id} ({one_line(winner.model, 60)})")
    lines: list[RenderableType] = [title]
    if result.partial:
        lines.append(Text("Partial: some agents are missing.", style="yellow"))
    if result.reason:
        lines.append(Text(one_line(result.reason, _REASON)))
    if result.winner is not None and result.ranking:
        first = result.ranking[0]
        lines.append(
            Text(f"P(correct) {first.p_correct:.2f}, support {first.support:.2f}, margin {result.margin:.2f}")
        )
    return Group(*lines)


def parts_that_mattered(ranking: Sequence[RankedProposal]) -> list[str]:
    """The parts of the score that separate neighbours of the ranking, in the order of comparison."""
    deciding = set()
    for better, worse in pairwise(ranking):
        names = [name for name in better.score if better.score[name] != worse.score.get(name)]
        deciding.update(names[:1])
    return [name for name in (ranking[0].score if ranking else {}) if name in deciding]


def _ranking(ranking: Sequence[RankedProposal], width: int) -> RenderableType:
    shown = ranking[:_PLACES_SHOWN]
    columns = [
        _column("#", "right", (str(place.place) for place in shown)),
        _column("proposal", "left", (one_line(place.proposal_id, 24) for place in shown)),
        _column("model", "left", (one_line(place.model, max(14, width // 4)) for place in shown)),
        _column("checks", "left", (_checks(place.checks) for place in shown)),
        _column("support", "right", (f"{place.support:.2f}" for place in shown)),
        _column("P(correct)", "right", (f"{place.p_correct:.2f}" for place in shown)),
    ]
    columns += _parts(shown, width - sum(column.width + _GAP for column in columns))
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="bold")
    for column in columns:
        table.add_column(column.name, justify=column.justify, no_wrap=True, overflow="ellipsis")
    for index, cells in enumerate(zip(*(column.cells for column in columns), strict=True)):
        table.add_row(*cells, style="" if index else "bold")
    rest = len(ranking) - len(shown)
    if not rest:
        return table
    return Group(table, Text(f"and {rest} more places; --json has them all", style="dim"))


class _Column(NamedTuple):
    name: str
    justify: Literal["left", "right"]
    cells: list[Text]
    width: int


def _column(name: str, justify: Literal["left", "right"], cells: Iterable[str | Text]) -> _Column:
    texts = [cell if isinstance(cell, Text) else Text(cell) for cell in cells]
    return _Column(name, justify, texts, max(len(name), *(cell.cell_len for cell in texts)))


def _parts(shown: Sequence[RankedProposal], room: int) -> list[_Column]:
    """The parts of the score that fit: first the one that parts the winner from the next, then in their order."""
    mattered = parts_that_mattered(shown)
    first = parts_that_mattered(shown[:2])
    kept = set()
    columns = {
        name: _column(name, "right", (f"{place.score.get(name, 0.0):.4g}" for place in shown))
        for name in mattered
    }
    for name in [*first, *(name for name in mattered if name not in first)]:
        room -= columns[name].width + _GAP
        if room < 0:
            break
        kept.add(name)
    return [columns[name] for name in mattered if name in kept]


def _checks(counts: CheckCounts) -> Text:
    text = Text()
    for count, word, style in (
        (counts.passed, "passed", "green"),
        (counts.failed, "failed", "red"),
        (counts.errors, "errors", "red"),
    ):
        if count:
            text.append(f"{', ' if text else ''}{count} {word}", style=style)
    return text or Text("-", style="dim")


def _dissent(result: Result) -> Iterator[RenderableType]:
    for group in result.dissent:
        who = ", ".join(group.proposal_ids[:6])
        yield _hanging("Dissent: ", f"{who} (support {group.support:.2f}) {group.reason}")


def _tiers(result: Result) -> Iterator[RenderableType]:
    """Each tier of the evidence that has something to tell, in the order of comparison."""
    total = len(result.ranking)
    told = [tier for tier in result.tiers if _tells(tier, total)]
    if not told:
        return
    yield Text("Evidence", style="bold")
    for tier in told:
        kept = f"{tier.tier.replace('_', ' ')}, {len(tier.kept)} of {total}: "
        yield _hanging(f"{_INDENT}{kept}", tier.note)
    yield Text("")


def _tells(tier: TierVerdict, total: int) -> bool:
    """It separated answers, or ran what agents proposed; what was passed over, and what judges said, are notes."""
    if not tier.note or tier.fell_back or tier.tier == "judging":
        return False
    return len(tier.kept) < total or tier.tier == "reproduction"


def _missing(agents: Sequence[AgentReport]) -> Iterator[RenderableType]:
    """Agents without an answer; those with the same ending share a line, with the first reason."""
    endings: dict[str, list[AgentReport]] = {}
    for agent in agents:
        if agent.outcome not in ("answered", "not_asked"):
            endings.setdefault(agent.outcome.replace("_", " "), []).append(agent)
    for outcome, who in endings.items():
        names = ", ".join(agent.agent_id for agent in who[:6])
        names += f" and {len(who) - 6} more" if len(who) > 6 else ""
        reasons = list(dict.fromkeys(one_line(agent.reason, _REASON_SHOWN) for agent in who))
        said = f": {reasons[0]}" if reasons[0] else ""
        others = f" (other reasons: {len(reasons) - 1}; --json has them)" if len(reasons) > 1 else ""
        yield _hanging("Missing: ", f"{names} {outcome}{said}{others}")


def _winner(result: Result) -> Iterator[RenderableType]:
    winner = result.winner
    if winner is None:
        return
    yield Text("Patch" if winner.patch is not None else "Answer", style="bold")
    yield patch_text(winner.patch) if winner.patch is not None else _text(winner.content)
    yield Text("")


def patch_text(patch: str) -> Text:
    """A unified diff with its lines coloured."""
    text = Text()
    lines = printable(patch).splitlines()
    for line in lines[:_LINES_SHOWN]:
        text.append(_INDENT).append(line + "\n", style=_patch_style(line))
    text.append(_left_out(lines))
    text.rstrip()
    return text


def _patch_style(line: str) -> str:
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")


def _text(content: str) -> Text:
    lines = printable(content).splitlines()
    return Text("\n".join([*(_INDENT + line for line in lines[:_LINES_SHOWN]), _left_out(lines)]).rstrip())


def _left_out(lines: Sequence[str]) -> str:
    rest = len(lines) - _LINES_SHOWN
    return f"{_INDENT}... {rest} more lines; --json has them all" if rest > 0 else ""


def _cost(result: Result) -> Text:
    usage, saved = result.usage, result.saved
    cost = (
        f"Cost: {usage.requests:,} requests, {usage.prompt_tokens:,} prompt tokens"
        f" ({usage.cached_tokens:,} cached), {usage.completion_tokens:,} completion tokens"
        if usage.requests
        else "Cost: no tokens were counted"
    )
    lines = [cost, f"Seed: {result.seed}"]
    if saved is not None:
        agents = "1 agent was" if saved.agents == 1 else f"{saved.agents} agents were"
        lines.insert(1, f"Saved: {agents} not asked, about {saved.tokens:,} tokens")
    return Text("\n".join(lines))


def _hanging(label: str, text: str) -> RenderableType:
    """A label and its text, which wraps beside it."""
    grid = Table.grid(padding=0)
    grid.add_column(no_wrap=True)
    grid.add_column()
    grid.add_row(Text(label, style="yellow"), Text(one_line(text, _REASON)))
    return grid
