"""The page: one self-contained HTML document, without scripts, made from the events of one deliberation."""

from collections.abc import Iterable

from swe_ai_fleet import __version__
from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.report.decision import clusters, ranking, tiers
from swe_ai_fleet.report.judges import judges
from swe_ai_fleet.report.markup import Child, Html, el, raw
from swe_ai_fleet.report.people import cost, timeline
from swe_ai_fleet.report.proposals import proposals
from swe_ai_fleet.report.reading import Reading, read
from swe_ai_fleet.report.style import STYLE

_WORDS_SHOWN = 280
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_MOODS = {
    DeliberationOutcome.DECIDED: "good",
    DeliberationOutcome.UNDECIDED: "warn",
    DeliberationOutcome.CANCELLED: "warn",
    DeliberationOutcome.FAILED: "bad",
}


def render_page(events: Iterable[Event]) -> str:
    """The whole document. What agents, tasks and patches brought is text in it, never markup.

    Raises:
        RecordNotFoundError: no ``requested`` is among the events.
    """
    reading = read(events)
    body = el(
        "main",
        _head(reading),
        _task(reading),
        timeline(reading),
        ranking(reading),
        tiers(reading),
        judges(reading),
        clusters(reading),
        proposals(reading),
        cost(reading),
        _foot(reading),
    )
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("title", f"{reading.request.task_id}: {reading.result.outcome.value}"),
        el("style", raw(STYLE)),
    )
    return "<!doctype html>\n" + el("html", head, el("body", body), lang="en") + "\n"


def _head(reading: Reading) -> Html:
    result = reading.result
    is_open = reading.state.closed is None
    word = "still open" if is_open else result.outcome.value
    mood = None if is_open else _MOODS[result.outcome]
    badges: list[Child] = [el("span", word, class_=f"badge {mood or ''}")]
    if result.partial:
        badges += [" ", el("span", "partial: some agents are missing", class_="badge warn")]
    return el(
        "header",
        el("p", *badges),
        el("h1", reading.request.task_id),
        el("p", _first_words(reading.state.task.description), class_="quiet"),
        el("p", result.reason, class_="why"),
        _facts(reading),
        [el("p", "Note: ", note, class_="small quiet") for note in result.notes],
    )


def _first_words(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _WORDS_SHOWN else words[:_WORDS_SHOWN].rsplit(" ", 1)[0] + " …"


def _facts(reading: Reading) -> Html:
    result = reading.result
    facts: list[tuple[str, str]] = []
    if result.winner is not None:
        facts.append((result.winner.proposal_id, f"winner, by {result.winner.model}"))
    if result.ranking:
        first = result.ranking[0]
        facts += [
            (f"{first.p_correct:.0%}", "probability that it is right"),
            (f"{first.support:.0%}", "of the votes agree with it"),
            (f"{result.margin:.0%}", "margin over the next group"),
        ]
    facts += [
        (f"{result.duration_s:.1f} s", f"of {reading.state.task.budget.seconds:g} s"),
        (f"{result.usage.total_tokens:,}", "tokens"),
    ]
    return el(
        "div",
        [el("div", el("b", big), el("span", small), class_="fact") for big, small in facts],
        class_="facts",
    )


def _task(reading: Reading) -> Html:
    task, repo = reading.state.task, reading.request.repo
    pairs: list[tuple[str, str]] = [("Role", task.role)]
    if repo is not None:
        pairs.append(("Repository", f"{repo.url} at {repo.commit[:12]}"))
    if task.constraints.rubric:
        pairs.append(("Rubric", task.constraints.rubric))
    pairs += [("Requirement", requirement) for requirement in task.constraints.requirements]
    pairs += [
        (f"Check {check.name}", f"{check.command} (at most {check.timeout_s:g} s)") for check in task.checks
    ]
    if task.protected_paths:
        pairs.append(("Protected", ", ".join(task.protected_paths)))
    return el(
        "details",
        el("summary", el("b", "The task")),
        el("pre", task.description, class_="text"),
        el("dl", [[el("dt", name), el("dd", value)] for name, value in pairs]),
        class_="card",
    )


def _foot(reading: Reading) -> Html:
    request = reading.request
    council = reading.state.council
    return el(
        "footer",
        el(
            "p",
            f"Deliberation {request.deliberation_id}, requested {request.time:%Y-%m-%d %H:%M:%S} UTC, ",
            f"{len(reading.events):,} events, {len(council.agents)} agents, quorum {council.quorum}, ",
            f"seed {request.seed}. Written from the events alone by swe-fleet {__version__}.",
        ),
    )
