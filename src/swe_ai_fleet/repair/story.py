"""The story of a repair, as evidence: why these lines were suspected, what was tried, what passed, how sure it is."""

from pydantic import JsonValue

from swe_ai_fleet.repair.job import Repair
from swe_ai_fleet.repair.localise import Suspect
from swe_ai_fleet.repair.source import Edit

_SHOWN = 5


def evidence_of(found: Repair) -> dict[str, JsonValue]:
    """The evidence of a proposal. ``prior`` is a logarithm, comparable between the agents of one council."""
    choice, tally = found.chosen, found.tally
    candidate = choice.plausible.candidate
    verdicts: dict[str, JsonValue] = dict(tally.verdicts)
    return {
        "summary": _summary(found),
        "edits": [
            {"file": e.file, "line": s.source.line_of(e.start), "family": family, "suspected": list(s.why)}
            for e, s, family in zip(candidate.edits, candidate.suspects, candidate.families, strict=False)
        ],
        "suspects": [_place(suspect) for suspect in found.suspects[:_SHOWN]],
        "prior": choice.score,
        "p_best": choice.p_best,
        "agreement": choice.agreement,
        "restraint": choice.restraint,
        "inputs_compared": choice.inputs,
        "behaves_like_it": choice.alike - 1,
        "plausible": found.plausible,
        "singles_tried": tally.singles,
        "pairs_tried": tally.pairs,
        "verdicts": verdicts,
        "found_after_s": round(choice.plausible.found_after_s, 3),
        "search_s": round(tally.seconds, 3),
        "failing_tests_passed": list(found.failing[:_SHOWN]),
        "touching_tests_passed": choice.plausible.touching,
        "whole_suite_passed": found.verified,
    }


def _place(suspect: Suspect) -> JsonValue:
    return {
        "file": suspect.source.path,
        "line": suspect.statement.lineno,
        "score": round(suspect.score, 3),
        "why": list(suspect.why),
    }


def _summary(found: Repair) -> str:
    """Three sentences for people."""
    choice, tally = found.chosen, found.tally
    candidate = choice.plausible.candidate
    lines = ", ".join(sorted({f"{e.file}:{s.source.line_of(e.start)}" for e, s in _edited(found)}))
    others = (
        f"{found.plausible - 1} other edits pass too"
        if found.plausible > 1
        else "nothing else that was tried passes"
    )
    whole = "the whole suite passes with it" if found.verified else "there was no time to run the whole suite"
    sure = f"Sure to {choice.p_best:.0%} among what passes"
    seen = f", from {choice.inputs} inputs on which candidates differ" if choice.inputs else ""
    return (
        f"{' and '.join(candidate.families).capitalize()} at {lines}. {tally.singles} single edits and {tally.pairs} "
        f"pairs were tried in {tally.seconds:.1f} s; {others}; {whole}. {sure}{seen}."
    )


def _edited(found: Repair) -> list[tuple[Edit, Suspect]]:
    candidate = found.chosen.plausible.candidate
    return list(zip(candidate.edits, candidate.suspects, strict=False))
