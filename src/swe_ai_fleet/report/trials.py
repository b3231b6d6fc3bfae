"""Executed evidence beyond the task's own checks: proposed tests case by case, functions input by input."""

from collections.abc import Iterator

from swe_ai_fleet.domain.check import CheckReport, Trial
from swe_ai_fleet.domain.council import BASE_AGENT
from swe_ai_fleet.domain.proposal import Proposal
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
    base = next((trial for trial in trials if trial.on == BASE_AGENT), None)
    if base is None or not base.is_verdict:
        return el("span", "could not be run", class_="badge bad")
    counting = sum(_counts(case, trials) for case in _cases(trials))
    mood = "good" if counting else ""
    return el("span", f"{counting} of {len(_cases(trials))} tests count", class_=f"badge {mood}")


def _tests(trials: tuple[Trial, ...]) -> Html:
    cases = _cases(trials)
    rows = [el("li", _case(case, trials)) for case in cases[:_CASES_SHOWN]]
    if len(cases) > _CASES_SHOWN:
        rows.append(el("li", f"and {len(cases) - _CASES_SHOWN} more"))
    silent = [trial for trial in trials if not trial.is_verdict]
    notes = [
        el("p", f"{_name(trial.on)}: {trial.note}", class_="small quiet") for trial in silent[:_ANSWERS_SHOWN]
    ]
    return el("details", el("summary", "Its tests"), el("ul", rows) if rows else None, notes, open=True)


def _case(case: str, trials: tuple[Trial, ...]) -> Iterator[Child]:
    counts = _counts(case, trials)
    yield el("b", case)
    yield " "
    yield el("span", "counts" if counts else "does not count", class_=f"badge {'good' if counts else ''}")
    yield el("span", f" {_before(case, trials)}; {_after(case, trials)}", class_="small quiet")


def _before(case: str, trials: tuple[Trial, ...]) -> str:
    return f"{'fails' if _fails_before(case, trials) else 'does not fail'} on the unchanged commit"


def _after(case: str, trials: tuple[Trial, ...]) -> str:
    passing = [trial.on for trial in trials if trial.on != BASE_AGENT and trial.cases.get(case) == "passed"]
    if not passing:
        return "passes on no answer"
    rest = len(passing) - _ANSWERS_SHOWN
    return f"passes on {', '.join(passing[:_ANSWERS_SHOWN])}" + (f" and {rest} more" if rest > 0 else "")


def _counts(case: str, trials: tuple[Trial, ...]) -> bool:
    passes = any(trial.on != BASE_AGENT and trial.cases.get(case) == "passed" for trial in trials)
    return passes and _fails_before(case, trials)


def _fails_before(case: str, trials: tuple[Trial, ...]) -> bool:
    base = next((trial for trial in trials if trial.on == BASE_AGENT), None)
    if base is None:
        return False
    return base.cases.get(case, base.status.value) == "failed"


def _cases(trials: tuple[Trial, ...]) -> list[str]:
    return sorted({case for trial in trials if trial.is_verdict for case in trial.cases})


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
