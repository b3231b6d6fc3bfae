"""Who did what when, and what it cost."""

from collections.abc import Iterator

from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.council import BASE_AGENT
from swe_ai_fleet.domain.events import AgentFailed, Checked, Critiqued, Event, Proposed, Revised
from swe_ai_fleet.domain.ranking import AgentReport, Saved
from swe_ai_fleet.report.markup import Child, Html, el
from swe_ai_fleet.report.reading import Reading

_ENDING = "Ending"
_ABOUT = ("Agent", "Model", _ENDING)
_COUNTED = ("Requests", "Prompt", "Cached", "Completion")
_MOODS = {"answered": "good", "refused": "warn", "cancelled": "warn", "timed_out": "bad", "crashed": "bad"}


def passes(report: CheckReport) -> bool:
    """It applies, is valid, touches nothing protected and passes every check."""
    return report.applied and report.parses and not report.protected_touched and not report.failures()


def timeline(reading: Reading) -> Html:
    """One lane an agent: when it answered, when that was checked, when it gave up."""
    end = max([reading.result.duration_s, *(reading.after_s(e.time) for e in reading.events), 0.001])
    agents = [agent.agent_id for agent in reading.state.council.agents]
    lanes = [BASE_AGENT, *agents] if reading.state.base is not None else agents
    return el(
        "section",
        el("h2", "Who did what when"),
        el("p", f"From the start to {end:.1f} s. A line is where a round was closed.", class_="small quiet"),
        el("div", [_lane(who, reading, end) for who in lanes], class_="card"),
        _key(),
    )


def _lane(who: str, reading: Reading, end: float) -> Html:
    name = _base_name(reading) if who == BASE_AGENT else who
    own = [e for e in reading.events if getattr(e, "agent_id", None) == who]
    marks = [
        _mark("cut", reading.after_s(cut.time), end, f"round {cut.round} closed")
        for cut in reading.state.rounds.values()
    ]
    for event in own:
        marks += [_mark(mood, reading.after_s(event.time), end, title) for mood, title in _moods(event)]
    return el(
        "div", el("div", name, class_="name", title=name), el("div", marks, class_="track"), class_="lane"
    )


def _base_name(reading: Reading) -> str:
    return "unchanged commit" if reading.request.repo is not None else "task's examples"


def _moods(event: Event) -> Iterator[tuple[str, str]]:
    match event:
        case Critiqued() if event.ballots:
            yield "", "judged"
        case Proposed() | Revised() | Critiqued():
            yield "", event.type
        case Checked() if event.report.trials is not None:
            yield ("good", "tried") if event.report.applied else ("bad", "cannot be run")
        case Checked():
            yield ("good", "checked: passes") if passes(event.report) else ("bad", "checked: fails")
        case AgentFailed():
            yield "bad", event.failure.kind.replace("_", " ")
        case _:
            return


def _mark(mood: str, at: float, end: float, title: str) -> Html:
    place = f"left:{100 * min(1.0, at / end):.2f}%"
    return el("i", class_=mood or None, style=place, title=f"{title} after {at:.2f} s")


def _key() -> Html:
    def entry(mood: str, words: str) -> Html:
        return el("span", el("span", el("i", class_=mood or None), class_="track"), " ", words)

    return el(
        "div",
        entry("", "answered or reviewed"),
        entry("good", "checked, passes"),
        entry("bad", "checked, fails; or gave up"),
        class_="key",
    )


def cost(reading: Reading) -> Html:
    """How every agent ended and what it used."""
    usage, saved = reading.result.usage, reading.result.saved
    said = (
        f"{usage.requests:,} requests, {usage.prompt_tokens:,} prompt tokens ({usage.cached_tokens:,} from the "
        f"server's cache), {usage.completion_tokens:,} completion tokens."
    )
    names = (*_ABOUT, *_COUNTED) if usage.requests else _ABOUT
    head = el("tr", [el("th", name, class_="number" if name in _COUNTED else None) for name in names])
    return el(
        "section",
        el("h2", "Agents and cost"),
        el("p", said if usage.requests else "No tokens were counted.", class_="small quiet"),
        None if saved is None else el("p", _saved(saved), class_="small quiet"),
        el(
            "table", el("thead", head), el("tbody", [_agent(agent, names) for agent in reading.result.agents])
        ),
    )


def _saved(saved: Saved) -> str:
    agents = "1 agent was" if saved.agents == 1 else f"{saved.agents} agents were"
    return f"{agents} not asked, which saved about {saved.tokens:,} tokens."


def _agent(agent: AgentReport, names: tuple[str, ...]) -> Html:
    ending = el("span", agent.outcome.replace("_", " "), class_=f"badge {_MOODS.get(agent.outcome, '')}")
    reason = el("span", " ", agent.reason, class_="small quiet") if agent.reason else None
    usage = agent.usage
    cells: list[Child] = [agent.agent_id, agent.model, el("span", ending, reason)]
    cells += [usage.requests, usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens]
    return el(
        "tr",
        [
            el("td", el("span", cell), data_label=name, class_=_class(name, has_reason=bool(agent.reason)))
            for name, cell in zip(names, cells, strict=False)
        ],
    )


def _class(name: str, *, has_reason: bool) -> str | None:
    if name in _COUNTED:
        return "number"
    if name == _ENDING:
        return "wide" if has_reason else None
    return "name"
