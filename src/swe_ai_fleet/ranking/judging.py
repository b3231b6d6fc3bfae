"""Judging what cannot be executed: anonymous pairs, both orders, no vote on one's own, the least contradicted order.

Position and self-preference biases of model judges are large (Zheng et al. 2023, Wang et al. 2023): so every
pair is shown in both orders and a judge that follows the position has said nothing; nobody judges its own
answer. A flip is worth nothing whatever the judge's bias, for the two orders' likelihood ratios cancel; so a pair
that flipped is shown once more, and its first agreeing turn counts. The votes are brought into the order that
contradicts them least (:mod:`swe_ai_fleet.ranking.consensus`): a Condorcet winner stands first in it, and what
is equal there goes by Borda.
"""

import json
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from swe_ai_fleet.domain.review import Ballot, Preference, Showing
from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.ranking.candidates import weight_of
from swe_ai_fleet.ranking.consensus import places_won

Authors = Mapping[str, Collection[str]]
"""Agents that gave an answer, by its proposal id: more than one where it is a copy of another's."""


class Verdict(Value):
    """What a judge answers, as JSON."""

    preferred: Preference
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What all ballots together say."""

    order: tuple[str, ...]
    """Best first, by places won, then by Borda share, then by id."""
    places: Mapping[str, float]
    """By id: how many others stand after it in the order that contradicts the votes least (Kemeny)."""
    shares: Mapping[str, float]
    """By id: the mean share of the weighted votes that it won in its pairs, 0 to 1 (Borda); 0.5 where it has none."""
    condorcet_winner: str | None
    has_cycle: bool
    """Some majority prefers a to b, b to c and c to a."""
    disabled: Mapping[str, str]
    """Judges that do not count, and why."""
    flips: Mapping[str, float]
    """By judge: the share of its pairs in which the other order at first gave the other answer."""
    unparsable: Mapping[str, float]
    """By judge: the share of its answers without a valid verdict; its weight is reduced by as much."""


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
    authors: Authors,
    *,
    reliability: Mapping[str, float],
    canaries: Collection[str] = (),
) -> Judgement:
    """Count the ballots on these answers.

    A pair counts for a judge that preferred the same answer in both orders; anything else is a tie: a flip,
    and also a missing or unparsable answer. Ballots on one's own answer are left out. A judge is disabled that
    prefers a canary in both orders to most of the answers it was shown beside.
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
    ids = sorted(authors)
    shares, places = _borda(ids, won), places_won(ids, won)
    return Judgement(
        order=tuple(sorted(authors, key=lambda pid: (-places[pid], -shares[pid], pid))),
        places=places,
        shares=shares,
        condorcet_winner=_condorcet(ids, won),
        has_cycle=_has_cycle(ids, won),
        disabled=disabled,
        flips={judge: _flips(said) for judge, said in sorted(answers.items())},
        unparsable=unparsable,
    )


_Answers = dict[Showing, str | None]
_Pairs = dict[tuple[str, str], str]


def _answers(ballots: Iterable[Ballot], authors: Authors, canaries: Collection[str]) -> dict[str, _Answers]:
    """By judge and showing: the id it preferred, "tie", or None; of several ballots on one showing the worst counts."""
    found: dict[str, _Answers] = defaultdict(dict)
    for ballot in ballots:
        showing, known = ballot.showing, {*authors, *canaries}
        is_own = any(showing.judge in authors.get(shown, ()) for shown in (showing.first, showing.second))
        if is_own or not {showing.first, showing.second} <= known or showing.first == showing.second:
            continue
        said = _named(ballot)
        if showing in found[showing.judge] and found[showing.judge][showing] != said:
            said = None
        found[showing.judge][showing] = said
    return found


def _named(ballot: Ballot) -> str | None:
    match ballot.preferred:
        case "first":
            return ballot.showing.first
        case "second":
            return ballot.showing.second
        case other:
            return other


def _turns(said: _Answers) -> dict[tuple[str, str], list[str]]:
    """By pair and turn: the id preferred in both orders, "flip" where the orders differ, "tie" for all else."""
    turns: dict[tuple[str, str], dict[int, list[str | None]]] = defaultdict(lambda: defaultdict(list))
    for showing, preferred in said.items():
        pair = (min(showing.first, showing.second), max(showing.first, showing.second))
        turns[pair][showing.turn].append(preferred)
    return {
        pair: [_both(by_turn[turn]) for turn in sorted(by_turn)] for pair, by_turn in sorted(turns.items())
    }


def _both(orders: Sequence[str | None]) -> str:
    there, back = (*orders, None)[:2]
    if there is None or back is None:
        return "tie"
    return there if there == back else "flip"


def _pairs(said: _Answers) -> _Pairs:
    """By pair: what came of the first turn that was no flip; else "flip"."""
    return {
        pair: next((result for result in turns if result != "flip"), "flip")
        for pair, turns in _turns(said).items()
    }


def _flips(said: _Answers) -> float:
    return _share([turns[0] for turns in _turns(said).values()], "flip")


def _preferred_canary(pairs: _Pairs, canaries: Collection[str]) -> str | None:
    """The first planted answer that won most of its pairs."""
    for canary in sorted(canaries):
        results = [winner for pair, winner in pairs.items() if canary in pair]
        if 2 * results.count(canary) > len(results):
            return canary
    return None


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


def _has_cycle(ids: Sequence[str], won: Mapping[tuple[str, str], float]) -> bool:
    beaten = {one: {other for other in ids if _beats(won, one, other)} for one in ids}
    while leaves := [one for one, others in beaten.items() if not others]:
        for leaf in leaves:
            del beaten[leaf]
        for others in beaten.values():
            others.difference_update(leaves)
    return bool(beaten)
