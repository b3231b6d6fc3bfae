"""Executed evidence beyond the task's own checks: proposed tests case by case, functions input by input."""

from collections.abc import Iterator

from swe_ai_fleet.domain.check import CheckReport, Trial
from swe_ai_fleet.domain.council import BASE_AGENT
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.trials import TriedCase, tried_cases
from swe_ai_fleet.report.markup import Child, Html, el
from swe_ai_fleet.report.reading import Reading

_CASES_SHOWN = 40
_ANSWERS_SHOWN = 12
_OUTPUTS_SHOWN = 24
_CHARS = 200


def evidence_beyond(proposal: Proposal, report: CheckReport | None, reading: Reading) -> Child:
    """What is known of a proposal besides its check results; nothing where there is none."""
    if proposal.kind == "checks" and (trials := reading.trials(proposal.proposal_id)):
        return _tests(trials)
    if report is None or not report.outputs:
        return None
    words = "It expects" if proposal.kind == "checks" else "It returned"
    return _outputs(words, report)


def tried_badge(proposal_id: str, reading: Reading) -> Html | None:
    """In a word, what became of proposed checks."""
    trials = reading.trials(proposal_id)
    if not trials:
        return None
    if not any(trial.on == BASE_AGENT and trial.is_verdict for trial in trials):
        return el("span", "could not be run", class_="badge bad")
    cases = tried_cases(trials)
    counting = sum(case.counts for case in cases)
    mood = "good" if counting else ""
    return el("span", f"{counting} of {len(cases)} tests count", class_=f"badge {mood}")


def _tests(trials: tuple[Trial, ...]) -> Html:
    cases = tried_cases(trials)
    rows = [el("li", _case(case)) for case in cases[:_CASES_SHOWN]]
    if len(cases) > _CASES_SHOWN:
        rows.append(el("li", f"and {len(cases) - _CASES_SHOWN} more"))
    silent = [trial for trial in trials if not trial.is_verdict]
    notes = [
        el("p", f"{_name(trial.on)}: {trial.note}", class_="small quiet") for trial in silent[:_ANSWERS_SHOWN]
    ]
    return el("details", el("summary", "Its tests"), el("ul", rows) if rows else None, notes, open=True)


def _case(case: TriedCase) -> Iterator[Child]:
    before = f"{'fails' if case.fails_before else 'does not fail'} on the unchanged commit"
    yield el("b", case.name)
    yield " "
    word, mood = ("counts", "good") if case.counts else ("does not count", "")
    yield el("span", word, class_=f"badge {mood}")
    yield el("span", f" {before}; {_after(case)}", class_="small quiet")


def _after(case: TriedCase) -> str:
    passing = sorted(case.passed_by)
    if not passing:
        return "passes on no answer"
    rest = len(passing) - _ANSWERS_SHOWN
    return f"passes on {', '.join(passing[:_ANSWERS_SHOWN])}" + (f" and {rest} more" if rest > 0 else "")


def _name(on: str) -> str:
    return "unchanged commit" if on == BASE_AGENT else on


def _outputs(words: str, report: CheckReport) -> Html:
    shown = list(report.outputs.items())[:_OUTPUTS_SHOWN]
    lines = [f"({_cut(arguments)}) gives {_cut(output)}" for arguments, output in shown]
    count = len(report.outputs)
    rest = count - len(shown)
    lines += [f"and {rest} more"] if rest > 0 else []
    return el(
        "details",
        el("summary", f"{words} on {count} input{'' if count == 1 else 's'}"),
        el("pre", "\n".join(lines), class_="text"),
    )


def _cut(text: str) -> str:
    return text if len(text) <= _CHARS else f"{text[:_CHARS]}..."
