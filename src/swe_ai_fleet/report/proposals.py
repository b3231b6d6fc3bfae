"""Every proposal: what it says, what the sandbox saw of it, what peers said."""

from collections.abc import Iterator

from swe_ai_fleet.domain.check import CheckReport, CheckResult, CheckStatus
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.review import Critique
from swe_ai_fleet.report.markup import Child, Html, el
from swe_ai_fleet.report.people import passes
from swe_ai_fleet.report.reading import Reading
from swe_ai_fleet.report.trials import evidence_beyond, tried_badge

_LINES_SHOWN = 400
_OUTPUT_LINES_SHOWN = 60
_CASES_SHOWN = 40


def proposals(reading: Reading) -> Html | None:
    """All of them, in the order of the ranking; the winner's is open. Equal patches are written out once."""
    ranked = [place.proposal_id for place in reading.result.ranking]
    others = sorted(pid for pid in reading.state.proposals if pid not in reading.places)
    if not reading.state.proposals:
        return None
    seen: dict[str, str] = {}
    cards = [_card(pid, reading, seen) for pid in (*ranked, *others) if pid in reading.state.proposals]
    return el("section", el("h2", "Proposals"), cards)


def _card(pid: str, reading: Reading, seen: dict[str, str]) -> Html:
    proposal, report = reading.state.proposals[pid], reading.report(pid)
    return el(
        "details",
        el(
            "summary",
            el("b", pid),
            " ",
            _badges(proposal, report, reading),
            " ",
            el("span", proposal.model, class_="quiet small"),
        ),
        _facts(proposal),
        _content(proposal, report, seen),
        [_result(result) for result in report.results] if report is not None else None,
        evidence_beyond(proposal, report, reading),
        _critiques(pid, reading),
        class_="card",
        open=pid == reading.winner_id,
    )


def _badges(proposal: Proposal, report: CheckReport | None, reading: Reading) -> Iterator[Child]:
    place = reading.places.get(proposal.proposal_id)
    if proposal.proposal_id == reading.winner_id:
        yield el("span", "winner", class_="badge good")
    elif place is not None:
        yield el("span", f"place {place.place}", class_="badge")
    else:
        yield el(
            "span",
            "checks, not ranked" if proposal.kind == "checks" else "came late, not ranked",
            class_="badge warn",
        )
    yield " "
    yield tried_badge(proposal.proposal_id, reading)
    if report is not None:
        yield el("span", _verdict(report), class_=f"badge {'good' if passes(report) else 'bad'}")


def _verdict(report: CheckReport) -> str:
    if not report.applied:
        return "does not apply"
    if report.outputs:
        return f"known on {len(report.outputs)} input{'' if len(report.outputs) == 1 else 's'}"
    if not report.parses:
        return "not valid syntax"
    if report.protected_touched:
        return "touches protected files"
    return "passes every check" if passes(report) else "fails checks"


def _facts(proposal: Proposal) -> Html:
    facts = [f"by {proposal.agent_id} ({proposal.role}), round {proposal.round}"]
    if proposal.parent_id is not None:
        facts.append(f"revises {proposal.parent_id}")
    if proposal.confidence is not None:
        facts.append(f"mean log-probability {proposal.confidence:.3f}")
    if proposal.usage.total_tokens:
        facts.append(f"{proposal.usage.total_tokens:,} tokens")
    return el("p", "; ".join(facts), class_="small quiet")


def _content(proposal: Proposal, report: CheckReport | None, seen: dict[str, str]) -> Child:
    if report is None or report.patch is None:
        reason = [el("p", report.reason)] if report is not None and report.reason else []
        return [*reason, el("pre", _cut(proposal.content, _LINES_SHOWN), class_="text")]
    key = report.patch_key or report.patch
    first = seen.setdefault(key, proposal.proposal_id)
    if first != proposal.proposal_id:
        return el("p", f"The same patch as {first}.")
    return el("pre", [_diff_line(line) for line in _cut(report.patch, _LINES_SHOWN).splitlines()])


def _diff_line(line: str) -> Html:
    if line.startswith(("+++", "---", "diff ", "index ")):
        kind: str | None = "file"
    else:
        kind = {"+": "add", "-": "del", "@": "hunk"}.get(line[:1])
    return el("span", line or " ", class_=kind)


def _result(result: CheckResult) -> Html:
    is_good = result.status is CheckStatus.PASSED
    failed = sorted(case for case, verdict in result.cases.items() if verdict == "failed")
    counted = f"{len(result.cases) - len(failed)} of {len(result.cases)} cases pass, " if result.cases else ""
    shown = [el("li", case) for case in failed[:_CASES_SHOWN]]
    if len(failed) > _CASES_SHOWN:
        shown.append(el("li", f"and {len(failed) - _CASES_SHOWN} more"))
    return el(
        "details",
        el(
            "summary",
            "Check ",
            el("b", result.name),
            " ",
            el("span", result.status.value, class_=f"badge {'good' if is_good else 'bad'}"),
            el("span", f" {counted}{result.duration_s:.2f} s", class_="small quiet"),
        ),
        el("ul", shown, class_="chips") if shown else None,
        el("pre", _tail(result.output_tail), class_="text") if result.output_tail.strip() else None,
    )


def _critiques(pid: str, reading: Reading) -> Html | None:
    said = [critique for critique in reading.state.all_critiques() if critique.proposal_id == pid]
    if not said:
        return None
    return el(
        "details", el("summary", f"Said by {len(said)} peers"), [_critique(critique) for critique in said]
    )


def _critique(critique: Critique) -> Html:
    mood = {"accept": "good", "reject": "bad"}.get(critique.verdict, "warn")
    return el(
        "div",
        el("b", critique.reviewer_id),
        " ",
        el("span", critique.verdict, class_=f"badge {mood}"),
        el("span", f" {critique.score:.0%} likely right", class_="small quiet"),
        el("ul", [el("li", defect) for defect in critique.defects]) if critique.defects else None,
        el("p", critique.suggestion) if critique.suggestion else None,
    )


def _cut(text: str, most: int) -> str:
    lines = text.splitlines()
    rest = len(lines) - most
    return "\n".join([*lines[:most], f"... {rest:,} more lines"]) if rest > 0 else text


def _tail(text: str) -> str:
    return "\n".join(text.strip("\n").splitlines()[-_OUTPUT_LINES_SHOWN:])
