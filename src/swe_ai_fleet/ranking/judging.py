"""Judging what cannot be executed: anonymous pairs, both orders, no vote on one's own, Condorcet and then Borda.

Position and self-preference biases of model judges are large (Zheng et al. 2023, Wang et al. 2023): so every
pair is shown in both orders and a judge that follows the position has said nothing; nobody judges its own
answer; names are replaced by labels that are shuffled from the seed.
"""

import itertools
import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from swe_ai_fleet.domain.council import derive_seed
from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.ranking.candidates import weight_of
from swe_ai_fleet.ranking.evidence import Ballot, Preference, Showing


class Verdict(Value):
    """What a judge answers, as JSON."""

    preferred: Preference
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What all ballots together say."""

    order: tuple[str, ...]
    """Best first, by majorities won (Copeland: the Condorcet winner first), then by Borda share, then by id."""
    wins: Mapping[str, int]
    """By id: how many others a majority holds it better than."""
    shares: Mapping[str, float]
    """By id: the mean share of the weighted votes that it won in its pairs, 0 to 1 (Borda); 0.5 where it has none."""
    condorcet_winner: str | None
    has_cycle: bool
    """Some majority prefers a to b, b to c and c to a."""
    disabled: Mapping[str, str]
    """Judges that do not count, and why."""
    flips: Mapping[str, float]
    """By judge: the share of its pairs in which the other order gave the other answer."""
    unparsable: Mapping[str, float]
    """By judge: the share of its answers without a valid verdict; its weight is reduced by as much."""


def showings(
    authors: Mapping[str, str], judges: Iterable[str], *, seed: int, canaries: Collection[str] = ()
) -> list[Showing]:
    """Every question to ask, each pair in both orders, in an order that is shuffled from the seed.

    Args:
        authors: agent id by proposal id; a judge is not shown its own answer.
        judges: agent ids.
        seed: of the deliberation.
        canaries: ids of planted answers (empty, constant, a copy, an injected instruction) that no honest
            judge prefers.
    """
    pairs = [
        Showing(judge=judge, first=first, second=second)
        for judge in sorted(set(judges))
        for first, second in itertools.permutations(sorted({*authors, *canaries}), 2)
        if judge not in (authors.get(first), authors.get(second))
        and not (first in canaries and second in canaries)
    ]
    return sorted(
        pairs, key=lambda s: (derive_seed(seed, s.judge, s.first, s.second), s.judge, s.first, s.second)
    )


def last_verdict(text: str) -> Preference | None:
    """The preference of the last valid verdict in a judge's answer; None where there is none.

    Whatever an answer under judgement made the judge repeat comes before the judge's own last word.
    """
    decoder = json.JSONDecoder()
    found: Preference | None = None
    place = text.find("{")
    while place >= 0:
        end = place + 1
        try:
            parsed, end = decoder.raw_decode(text, place)
            found = Verdict.model_validate(parsed).preferred
        except (ValidationError, ValueError, RecursionError):
            pass  # not a verdict; look on
        place = text.find("{", end)
    return found


def judge_all(
    ballots: Iterable[Ballot],
    authors: Mapping[str, str],
    *,
    reliability: Mapping[str, float],
    canaries: Collection[str] = (),
) -> Judgement:
    """Count the ballots.

    A pair counts for a judge that preferred the same answer in both orders; anything else is a tie: a flip,
    and also a missing or unparsable answer. Ballots on one's own answer are left out. A judge that prefers a
    canary in both orders is disabled.
    """
    answers = _answers(ballots, authors, canaries)
    judged = {judge: _pairs(said) for judge, said in sorted(answers.items())}
    disabled = {
        judge: f"it prefers the planted answer {canary}"
        for judge, pairs in judged.items()
        if (canary := _preferred_canary(pairs, canaries)) is not None
    }
    unparsable = {j: _share(list(said.values()), None) for j, said in sorted(answers.items())}
    won: dict[tuple[str, str], float] = defaultdict(float)
    for judge, pairs in judged.items():
        weight = 0.0 if judge in disabled else weight_of(judge, reliability) * (1 - unparsable[judge])
        for (one, other), winner in pairs.items():
            if one in authors and other in authors:
                won[one, other] += weight * _points(winner, one)
                won[other, one] += weight * _points(winner, other)
    shares = _borda(sorted(authors), won)
    wins = _wins(sorted(authors), won)
    condorcet = _condorcet(sorted(authors), won)
    return Judgement(
        order=tuple(sorted(authors, key=lambda pid: (-wins[pid], -shares[pid], pid))),
        wins=wins,
        shares=shares,
        condorcet_winner=condorcet,
        has_cycle=_has_cycle(sorted(authors), won),
        disabled=disabled,
        flips={judge: _share(list(pairs.values()), "flip") for judge, pairs in judged.items()},
        unparsable=unparsable,
    )


_Answers = dict[tuple[str, str], str | None]
_Pairs = dict[tuple[str, str], str]


def _answers(
    ballots: Iterable[Ballot], authors: Mapping[str, str], canaries: Collection[str]
) -> dict[str, _Answers]:
    """By judge and showing: the id it preferred, "tie", or None; of several ballots on one showing the worst counts."""
    found: dict[str, _Answers] = defaultdict(dict)
    for ballot in ballots:
        showing, known = ballot.showing, {*authors, *canaries}
        is_own = showing.judge in (authors.get(showing.first), authors.get(showing.second))
        if is_own or not {showing.first, showing.second} <= known or showing.first == showing.second:
            continue
        key = (showing.first, showing.second)
        said = _named(ballot)
        if key in found[showing.judge] and found[showing.judge][key] != said:
            said = None
        found[showing.judge][key] = said
    return found


def _named(ballot: Ballot) -> str | None:
    match ballot.preferred:
        case "first":
            return ballot.showing.first
        case "second":
            return ballot.showing.second
        case other:
            return other


def _pairs(said: _Answers) -> _Pairs:
    """By pair: the id preferred in both orders, "flip" where the orders differ, "tie" for all else."""
    pairs: _Pairs = {}
    for one, other in sorted({(min(key), max(key)) for key in said}):
        there, back = said.get((one, other)), said.get((other, one))
        if there is None or back is None:
            pairs[one, other] = "tie"
        elif there == back:
            pairs[one, other] = there
        else:
            pairs[one, other] = "flip"
    return pairs


def _preferred_canary(pairs: _Pairs, canaries: Collection[str]) -> str | None:
    return next((winner for winner in pairs.values() if winner in canaries), None)


def _points(winner: str, one: str) -> float:
    return 0.5 if winner in ("tie", "flip") else float(winner == one)


def _share(values: Sequence[str | None], wanted: str | None) -> float:
    return sum(value == wanted for value in values) / len(values) if values else 0.0


def _borda(ids: Sequence[str], won: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """Mean share won over the pairs that anybody judged."""
    shares = {}
    for one in ids:
        own = [
            won[one, other] / total
            for other in ids
            if other != one and (total := won.get((one, other), 0.0) + won.get((other, one), 0.0)) > 0
        ]
        shares[one] = round(math.fsum(own) / len(own), 9) if own else 0.5
    return shares


def _beats(won: Mapping[tuple[str, str], float], one: str, other: str) -> bool:
    return won.get((one, other), 0.0) > won.get((other, one), 0.0) + 1e-9


def _condorcet(ids: Sequence[str], won: Mapping[tuple[str, str], float]) -> str | None:
    """The one that a majority prefers to every other."""
    return next((a for a in ids if len(ids) > 1 and all(_beats(won, a, b) for b in ids if b != a)), None)


def _wins(ids: Sequence[str], won: Mapping[tuple[str, str], float]) -> dict[str, int]:
    return {one: sum(_beats(won, one, other) for other in ids if other != one) for one in ids}


def _has_cycle(ids: Sequence[str], won: Mapping[tuple[str, str], float]) -> bool:
    beaten = {one: {other for other in ids if _beats(won, one, other)} for one in ids}
    while leaves := [one for one, others in beaten.items() if not others]:
        for leaf in leaves:
            del beaten[leaf]
        for others in beaten.values():
            others.difference_update(leaves)
    return bool(beaten)
