"""Progress on stderr: a live board on a terminal, plain lines elsewhere, nothing where it is not wanted."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from swe_ai_fleet.cli.board import AgentRow, Mood, agent_rows, describe, shown_rows, summary
from swe_ai_fleet.cli.console import PipedConsole
from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Closed, Event
from swe_ai_fleet.report.printable import one_line

_REFRESH_S = 0.125
_NOTES_SHOWN = 4
_OTHER_LINES = 10
_STYLES: dict[Mood, str] = {"waiting": "dim", "busy": "cyan", "good": "green", "bad": "yellow", "done": ""}
_MARKS: dict[Mood, str] = {"waiting": " ", "busy": "…", "good": "✓", "bad": "✗", "done": "✓"}


class Progress(Protocol):
    """What a command tells while it works."""

    def note(self, text: str) -> None:
        """Something outside the deliberation happened: a server was started."""
        ...

    def observe(self, event: Event) -> None:
        """An event of the deliberation became known."""
        ...


Style = Literal["auto", "lines", "quiet"]


@asynccontextmanager
async def open_progress(style: Style, *, console: Console | None = None) -> AsyncIterator[Progress]:
    """Progress for as long as it is open.

    Args:
        style: ``quiet`` tells nothing; ``lines`` are plain; ``auto`` is live on a terminal, else ``lines``.
        console: where to; stderr where left out.
    """
    shown = console or PipedConsole(stderr=True)
    if style == "quiet":
        yield Silent()
    elif style == "auto" and shown.is_terminal and not shown.is_dumb_terminal:
        async with _open_board(shown) as board:
            yield board
    else:
        yield Lines(console=shown)


class Silent:
    """Tells nothing."""

    def note(self, text: str) -> None:
        """Say nothing."""

    def observe(self, event: Event) -> None:
        """Say nothing."""


@dataclass(slots=True, kw_only=True)
class Lines:
    """One line an event, with the seconds since the request."""

    console: Console
    began: dict[str, datetime] = field(default_factory=dict)
    """When each deliberation was first heard of; a worker tells of many."""

    def note(self, text: str) -> None:
        """One line without a time."""
        self._print(f"          {one_line(text, 200)}")

    def observe(self, event: Event) -> None:
        """One line."""
        began = self.began.setdefault(event.deliberation_id, event.time)
        elapsed = max(0.0, (event.time - began).total_seconds())
        self._print(f"{elapsed:7.2f} s {event.deliberation_id} {describe(event)}")
        if isinstance(event, Closed):
            del self.began[event.deliberation_id]

    def _print(self, line: str) -> None:
        self.console.print(line, markup=False, highlight=False, soft_wrap=True)


@dataclass(slots=True, kw_only=True)
class Board:
    """The board, drawn anew several times a second."""

    console: Console
    state: Deliberation = field(default_factory=Deliberation)
    notes: list[str] = field(default_factory=list)
    last: str = ""

    def note(self, text: str) -> None:
        """Show it above the agents until there are newer ones."""
        self.notes.append(text)

    def observe(self, event: Event) -> None:
        """Take the event in; it shows at the next drawing."""
        self.state.apply(event)
        self.last = describe(event)

    def __rich__(self) -> RenderableType:
        """The board as it stands now."""
        return draw(self.state, self.notes, self.last, now=datetime.now(UTC), height=self.console.height)


@asynccontextmanager
async def _open_board(console: Console) -> AsyncIterator[Board]:
    board = Board(console=console)
    with Live(board, console=console, auto_refresh=False, transient=True) as live:
        async with asyncio.TaskGroup() as group:
            drawing = group.create_task(_draw_again(live))
            try:
                yield board
            finally:
                drawing.cancel()


async def _draw_again(live: Live) -> None:
    while True:
        live.refresh()
        await asyncio.sleep(_REFRESH_S)


def draw(state: Deliberation, notes: list[str], last: str, *, now: datetime, height: int) -> RenderableType:
    """The board of one moment, at most ``height`` lines."""
    lines: list[RenderableType] = [Text(one_line(n, 200), style="dim") for n in notes[-_NOTES_SHOWN:]]
    lines.append(_head(state, now))
    rows, rest = shown_rows(agent_rows(state), most=max(3, height - _OTHER_LINES))
    if rows:
        lines.append(_agents(rows))
    if rest:
        lines.append(Text(f"  {rest}", style="dim"))
    if state.requested is not None:
        lines.append(_tail(state, last))
    return Group(*lines)


def _head(state: Deliberation, now: datetime) -> RenderableType:
    title = state.requested.deliberation_id if state.requested is not None else ""
    text = Text.assemble((one_line(title, 64), "bold"), "  " if title else "", summary(state))
    if state.started is not None:
        budget = state.task.budget
        text.append(f"  {state.elapsed_s(now):.0f} s")
        text.append(f" (soft deadline {budget.soft_s:g} s, deadline {budget.seconds:g} s)", style="dim")
    if state.closed is not None:
        return text
    return Spinner("dots", text=text, style="cyan")


def _agents(rows: list[AgentRow]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1), expand=True, pad_edge=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, max_width=30, overflow="ellipsis")
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
    table.add_column(no_wrap=True, justify="right")
    for row in rows:
        style = _STYLES[row.mood]
        table.add_row(
            Text(_MARKS[row.mood], style=style),
            Text(row.agent_id),
            Text(one_line(row.model, 60), style="dim"),
            Text(row.state, style=style),
            Text(row.detail),
            Text(f"{row.tokens:,} tokens" if row.tokens else "", style="dim"),
        )
    return table


def _tail(state: Deliberation, last: str) -> Text:
    answers = sum(1 for p in state.proposals.values() if p.kind == "answer")
    checked = sum(1 for pid in state.reports if pid in state.proposals)
    counts = f"{answers} proposals, {checked} checked, {state.usage().total_tokens:,} tokens"
    return Text(f"{counts}  ·  {last}", style="dim", no_wrap=True, overflow="ellipsis")
