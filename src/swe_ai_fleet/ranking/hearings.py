"""Who is to judge what: the questions to every judge, planned from the evidence, so that everybody plans the same.

Texts are compared in pairs, each pair by the same number of judges; where executed outputs leave two clusters close
together, the judges see what each makes of one input (:mod:`swe_ai_fleet.ranking.duels`).
"""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from swe_ai_fleet.domain.council import derive_seed
from swe_ai_fleet.domain.review import Showing
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.ranking.anonymity import nameless
from swe_ai_fleet.ranking.canaries import beside_canary, canary_of, canary_texts
from swe_ai_fleet.ranking.duels import duel_of
from swe_ai_fleet.ranking.evidence import Evidence
from swe_ai_fleet.ranking.finalists import authors_of, finalists
from swe_ai_fleet.ranking.judging import Authors
from swe_ai_fleet.ranking.standing import Standing, standing_of

TURNS = 2
"""How often a pair is shown at most, in both orders each time; the second time where the first was a flip.

It helps as far as a judge's second answer is another draw: with independent draws, judges that take what is shown first
in four of ten cases recover the order of four answers in 97, 92 and 72 % of the cases where they err in 10, 15 and
25 %; asked once in 87, 82 and 56 %; as many unbiased judges in 95, 86 and 58 %."""

PANEL = 12
"""Judges of one hearing at most: each has its planted answers to meet, so that a few with many pairs cost less."""

_CANARY_PAIRS = 2
_SHOWN_AGAIN = 1.5
"""Showings of a pair are so many times those of its first turn, where about half of the pairs flip."""
_ANSWER_TOKENS = 300
_FIXED_TOKENS = 900
_BYTES_PER_TOKEN = 3.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What the judges of one deliberation are asked."""

    showings: Mapping[str, tuple[Showing, ...]]
    """First turn, by judge; the two orders of a pair stand side by side. Empty where no judge can be paid."""
    texts: Mapping[str, str]
    """What is shown, by id."""
    question: str = ""
    """The input that both are answers to; empty where the task is."""
    tokens_each: int | None = None
    """What one judge may spend; None where there is no limit."""


def hearing_of(
    evidence: Evidence, judges: Sequence[str], *, per_pair: int, tokens: int | None = None
) -> Hearing | None:
    """The questions that are worth asking; None where there is nothing to judge, or nobody to judge it.

    Args:
        evidence: all that counts; ballots are left out.
        judges: agent ids of those who can judge, in the order of the council.
        per_pair: judges of each pair; fewer where there are not so many, or where the tokens do not last.
        tokens: what all of them together may spend.
    """
    if per_pair < 1 or (evidence.task.repo is not None and not evidence.behaviours):
        return None
    evidence = replace(evidence, ballots=())
    standing = standing_of(evidence)
    if not standing.candidates:
        return None
    if not standing.is_text:
        return _duelling(standing, evidence, judges, per_pair, tokens)
    chosen = finalists(standing.candidates, evidence)
    authors = authors_of(chosen, standing.candidates)
    texts = {c.id: nameless(c.proposal.content, evidence.council) for c in chosen}
    texts |= canary_texts(evidence.task)
    return _affordable(evidence, authors, texts, judges, per_pair, tokens, planted=True)


def _duelling(
    standing: Standing, evidence: Evidence, judges: Sequence[str], per_pair: int, tokens: int | None
) -> Hearing | None:
    duel = duel_of(standing, evidence)
    if duel is None:
        return None
    fighters = [c for c in standing.candidates if c.id in (duel.leader, duel.challenger)]
    authors = authors_of(fighters, standing.candidates)
    texts = {duel.leader: duel.leader_output, duel.challenger: duel.challenger_output}
    found = _affordable(evidence, authors, texts, judges, per_pair, tokens, planted=False)
    if found is None:
        return None
    return Hearing(
        showings=found.showings, texts=texts, question=duel.input_id, tokens_each=found.tokens_each
    )


def _affordable(
    evidence: Evidence,
    authors: Authors,
    texts: Mapping[str, str],
    judges: Sequence[str],
    per_pair: int,
    tokens: int | None,
    *,
    planted: bool,
) -> Hearing | None:
    """With as many judges a pair as the tokens last for, at most ``per_pair``."""
    showings: dict[str, tuple[Showing, ...]] = {}
    for each in range(per_pair, 0, -1):
        showings = _dealt(evidence, authors, judges, each)
        if not showings:
            return None
        if planted:
            showings = _with_canaries(showings, authors, texts, judges, evidence.seed)
        asked = _SHOWN_AGAIN * sum(len(own) for own in showings.values())
        if tokens is None or asked * _tokens_of_one(evidence.task, texts) <= tokens:
            limit = None if tokens is None else tokens // len(showings)
            return Hearing(showings=showings, texts=texts, tokens_each=limit)
    return Hearing(showings={}, texts={})


def _dealt(
    evidence: Evidence, authors: Authors, judges: Sequence[str], per_pair: int
) -> dict[str, tuple[Showing, ...]]:
    """Every pair to ``per_pair`` judges that gave neither answer: the impartial ones first, then the idle ones.

    Impartial is whose model gave neither answer of the pair, or both: models like their own words (Panickssery
    et al. 2024).
    """
    seed = evidence.seed
    model = {agent.agent_id: agent.model for agent in evidence.council.agents}
    models = {pid: {model.get(agent, "") for agent in agents} for pid, agents in authors.items()}
    pairs = sorted(
        itertools.combinations(sorted(authors), 2), key=lambda pair: (derive_seed(seed, *pair), pair)
    )
    panel = _panel(authors, judges, seed)
    load: Counter[str] = Counter()
    dealt: defaultdict[str, list[Showing]] = defaultdict(list)
    for one, other in pairs:
        able = [judge for judge in panel if judge not in authors[one] and judge not in authors[other]]

        def order(judge: str, one: str = one, other: str = other) -> tuple[bool, int, int, str]:
            own = model.get(judge, "")
            is_partial = (own in models[one]) != (own in models[other])
            return (is_partial, load[judge], derive_seed(seed, judge, one, other), judge)

        for judge in sorted(able, key=order)[:per_pair]:
            load[judge] += 1
            dealt[judge] += both_orders(judge, one, other, seed=seed)
    return {judge: tuple(dealt[judge]) for judge in judges if judge in dealt}


def _panel(authors: Authors, judges: Sequence[str], seed: int) -> list[str]:
    """At most twelve; first those that gave none of the answers, for they can judge every pair."""
    involved = {agent for agents in authors.values() for agent in agents}
    return sorted(judges, key=lambda judge: (judge in involved, derive_seed(seed, "panel", judge), judge))[
        :PANEL
    ]


def both_orders(judge: str, one: str, other: str, *, seed: int, turn: int = 0) -> list[Showing]:
    """The two showings of a pair; which of them is asked first depends on the seed."""
    there = Showing(judge=judge, first=one, second=other, turn=turn)
    back = Showing(judge=judge, first=other, second=one, turn=turn)
    return [back, there] if derive_seed(seed, judge, one, other, turn) % 2 else [there, back]


def _with_canaries(
    showings: Mapping[str, tuple[Showing, ...]],
    authors: Authors,
    texts: Mapping[str, str],
    judges: Sequence[str],
    seed: int,
) -> dict[str, tuple[Showing, ...]]:
    """The same, with one planted answer for every judge, beside at most two of others, at a place from the seed."""
    found = {}
    for judge, own in showings.items():
        canary = canary_of(list(judges).index(judge), seed)
        foreign = sorted(
            (pid for pid, agents in authors.items() if judge not in agents),
            key=lambda pid: (derive_seed(seed, judge, canary, pid), pid),
        )
        places = beside_canary([texts[pid] for pid in foreign], texts[canary])[:_CANARY_PAIRS]
        planted = [both_orders(judge, canary, foreign[place], seed=seed) for place in places]
        pairs = [*_pairs_of(own), *planted]
        pairs.sort(key=lambda pair: (derive_seed(seed, pair[0].first, pair[0].second, judge), str(pair[0])))
        found[judge] = tuple(showing for pair in pairs for showing in pair)
    return found


def _pairs_of(showings: Sequence[Showing]) -> list[list[Showing]]:
    return [list(showings[place : place + 2]) for place in range(0, len(showings), 2)]


def _tokens_of_one(task: Task, texts: Mapping[str, str]) -> float:
    """What one question costs, about: the task, two texts of the mean length, and the verdict."""
    shown = 2 * sum(len(text.encode(errors="replace")) for text in texts.values()) / len(texts)
    told = len(task.description.encode()) + len(task.constraints.rubric.encode())
    return _FIXED_TOKENS + (told + shown) / _BYTES_PER_TOKEN + _ANSWER_TOKENS
