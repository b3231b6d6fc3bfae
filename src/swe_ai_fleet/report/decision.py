"""Why the winner won: the ranking, what every tier of the decision did, and who agrees with whom."""

from itertools import pairwise

from swe_ai_fleet.domain.ranking import CheckCounts, RankedProposal, TierVerdict
from swe_ai_fleet.report.markup import Child, Html, el, joined
from swe_ai_fleet.report.reading import Reading

_NAMES_SHOWN = 24
_PARTS_SHOWN = 4
_TITLES = {
    "not_applied": "Applies to the commit",
    "unparsable": "Is valid syntax",
    "protected": "Leaves protected files alone",
    "new_failures": "Breaks nothing that passed before",
    "unresolved": "Repairs what failed before",
    "examples_failed": "Reproduces the task's examples",
    "agreement": "Agrees with the others in what it does",
    "judging": "Judged in pairs, without names and in both orders",
    "duel": "The two best, side by side on one input",
    "reproduction": "Passes proposed tests that show the defect",
}


_COMPARED = frozenset({"agreement", "reproduction"})
"""Tiers that compare instead of letting pass."""


def ranking(reading: Reading) -> Html | None:
    """The places, with the parts of the score that separate neighbours."""
    places = reading.result.ranking
    if not places:
        return None
    parts = _parts_that_mattered(places)[:_PARTS_SHOWN]
    names = [
        "Place",
        "Proposal",
        "Model",
        "Checks",
        "Support",
        "P(correct)",
        *(part.capitalize() for part in parts),
    ]
    head = el("tr", [el("th", name, class_=_class(name)) for name in names])
    rows = [_row(place, names, parts) for place in places]
    return el("section", el("h2", "Ranking"), el("table", el("thead", head), el("tbody", rows)))


def _class(name: str) -> str | None:
    return None if name in {"Place", "Proposal", "Model", "Checks"} else "number"


def _row(place: RankedProposal, names: list[str], parts: list[str]) -> Html:
    cells: list[Child] = [
        str(place.place),
        place.proposal_id,
        place.model,
        _checks(place.checks),
        f"{place.support:.0%}",
        f"{place.p_correct:.0%}",
        *(f"{place.score.get(part, 0.0):.4g}" for part in parts),
    ]
    written = [
        el("td", el("span", cell), class_=_class(name), data_label=name)
        for name, cell in zip(names, cells, strict=True)
    ]
    return el("tr", written, class_="first" if place.place == 1 else None)


def _checks(counts: CheckCounts) -> Html:
    said = [
        el("span", f"{count} {word}", class_=f"badge {mood}")
        for count, word, mood in (
            (counts.passed, "passed", "good"),
            (counts.failed, "failed", "bad"),
            (counts.errors, "errors", "bad"),
        )
        if count
    ]
    return joined(said) if said else el("span", "none", class_="quiet")


def _parts_that_mattered(places: tuple[RankedProposal, ...]) -> list[str]:
    deciding = {
        next((name for name in better.score if better.score[name] != worse.score.get(name)), "")
        for better, worse in pairwise(places)
    }
    return [name for name in places[0].score if name in deciding]


def tiers(reading: Reading) -> Html | None:
    """What each tier let pass, in the order of comparison."""
    verdicts = reading.ranking.tiers
    if not verdicts:
        return None
    total = max(1, len(reading.result.ranking))
    return el(
        "section",
        el("h2", "Evidence, tier by tier"),
        el("ol", [_tier(verdict, total) for verdict in verdicts], class_="tiers card"),
    )


def _tier(verdict: TierVerdict, total: int) -> Html:
    kept = len(verdict.kept)
    word = "level with the best" if verdict.tier in _COMPARED else "go on"
    state = "passed over" if verdict.fell_back else f"{kept} of {total} {word}"
    mood = "warn" if verdict.fell_back else "good" if kept == total else ""
    return el(
        "li",
        el("b", _TITLES.get(verdict.tier, verdict.tier.replace("_", " "))),
        " ",
        el("span", state, class_=f"badge {mood}"),
        el("p", verdict.note, class_="small quiet") if verdict.note else None,
        bar(kept / total),
    )


def clusters(reading: Reading) -> Html | None:
    """Who agrees with whom, the leading group first."""
    groups = [group for group in reading.ranking.clusters if group]
    if not groups:
        return None
    reasons = {pid: dissent.reason for dissent in reading.result.dissent for pid in dissent.proposal_ids}
    return el(
        "section",
        el("h2", "Groups that agree"),
        el(
            "p",
            f"The margin between the two strongest is {reading.result.margin:.0%} of the votes.",
            class_="small quiet",
        ),
        [_cluster(group, reading, reasons.get(group[0], "")) for group in groups],
    )


def _cluster(group: tuple[str, ...], reading: Reading, reason: str) -> Html:
    place = reading.places.get(group[0])
    support = 0.0 if place is None else place.support
    is_won = reading.winner_id in group
    chips = [
        el("li", pid, class_="won" if pid == reading.winner_id else None) for pid in group[:_NAMES_SHOWN]
    ]
    if len(group) > _NAMES_SHOWN:
        chips.append(el("li", f"and {len(group) - _NAMES_SHOWN} more"))
    return el(
        "div",
        el("b", f"{support:.0%} of the votes"),
        " ",
        el("span", "winning group", class_="badge good") if is_won else None,
        bar(support, mood="good" if is_won else ""),
        el("ul", chips, class_="chips"),
        el("p", reason, class_="small quiet") if reason else None,
        class_="card",
    )


def bar(share: float, *, mood: str = "") -> Html:
    """A horizontal bar filled to ``share``, 0 to 1."""
    return el("div", el("i", style=f"width:{100 * min(1.0, max(0.0, share)):.1f}%"), class_=f"bar {mood}")
