"""Who judged, how steadily, and whose judgement does not count."""

from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.ranking.canaries import CANARIES
from swe_ai_fleet.ranking.consensus import MOST
from swe_ai_fleet.ranking.judging import Judgement, judge_all
from swe_ai_fleet.report.markup import Child, Html, el
from swe_ai_fleet.report.reading import Reading

_COLUMNS = ("Judge", "Model", "Pairs", "By the order", "No verdict", "Weight", "Counts")
_COUNTED = frozenset(_COLUMNS[2:6])


def judges(reading: Reading) -> Html | None:
    """A line for every judge that was heard; nothing where nobody judged."""
    ballots = reading.state.ballots()
    shown = {pid for one in ballots for pid in (one.showing.first, one.showing.second)} - CANARIES
    if not ballots or len(shown) > MOST:
        return None
    judged = judge_all(ballots, dict.fromkeys(shown, ()), reliability={}, canaries=CANARIES)
    rows = [
        _row(agent, judged, reading)
        for agent in reading.state.council.agents
        if agent.agent_id in judged.flips
    ]
    head = el("tr", [el("th", name, class_="number" if name in _COUNTED else None) for name in _COLUMNS])
    return el(
        "section",
        el("h2", "Judges"),
        el("p", "Each pair is shown without names and in both orders; a judge also meets a planted answer."),
        el("table", el("thead", head), el("tbody", rows)),
    )


def _row(agent: AgentSpec, judged: Judgement, reading: Reading) -> Html:
    who, started = agent.agent_id, reading.state.started
    own = [one.showing for one in reading.state.ballots() if one.showing.judge == who]
    pairs = {frozenset({one.first, one.second}) for one in own}
    weight = 1.0 if started is None else started.judges.get(who, 1.0)
    why = judged.disabled.get(who)
    ending = el("span", "no" if why else "yes", class_=f"badge {'bad' if why else 'good'}")
    reason = el("span", " ", why, class_="small quiet") if why else None
    cells: list[Child] = [
        who,
        agent.model,
        len(pairs),
        f"{judged.flips[who]:.0%}",
        f"{judged.unparsable[who]:.0%}",
        f"{weight:g}",
        el("span", ending, reason),
    ]
    classes = ["name", "name", *["number"] * 4, "wide" if why else None]
    return el(
        "tr",
        [
            el("td", el("span", cell), data_label=name, class_=class_)
            for name, cell, class_ in zip(_COLUMNS, cells, classes, strict=True)
        ],
    )
