"""What separates candidates that the evidence does not: never arrival order, never the shortest diff."""

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence

from swe_ai_fleet.domain.review import Critique
from swe_ai_fleet.ranking.candidates import Candidate, weight_of
from swe_ai_fleet.ranking.evidence import Evidence

_VERDICT_VALUE = {"accept": 1.0, "revise": 0.5, "reject": 0.0}
_NEUTRAL = 0.5
_MOST = 1e15
"""No number that an agent brings counts for more, so that sums of them stay finite."""


def confidences(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Mean log-probability of each answer; an unknown one counts as the mean of the known, neither good nor bad."""
    known = {c.id: value for c in candidates if (value := _finite(c.proposal.confidence)) is not None}
    middle = math.fsum(known.values()) / len(known) if known else 0.0
    return {candidate.id: known.get(candidate.id, middle) for candidate in candidates}


def priors(candidates: Sequence[Candidate], evidence: Evidence) -> dict[str, float]:
    """What a searching agent's own search says for its answer (``evidence["prior"]``); 0 for all others."""
    searching = {agent.agent_id for agent in evidence.council.agents if agent.searches}
    return {
        c.id: (_finite(c.proposal.evidence.get("prior")) or 0.0) if c.proposal.agent_id in searching else 0.0
        for c in candidates
    }


def judge_scores(candidates: Sequence[Candidate], evidence: Evidence) -> dict[str, float]:
    """What peers think of it, 0 to 1, weighted by their reliability; 0.5 where nobody spoke.

    Remarks of strangers and of the author are left out, and a copy hears what was said of any copy. One
    neutral voice is added, so that a single enthusiast does not outweigh a council.
    """
    authors: dict[str, set[str]] = {}
    for candidate in candidates:
        authors.setdefault(candidate.key, set()).add(candidate.proposal.agent_id)
    key_of = {candidate.id: candidate.key for candidate in candidates}
    known = {agent.agent_id for agent in evidence.council.agents}
    said: dict[str, list[tuple[float, float]]] = {key: [(_NEUTRAL, 1.0)] for key in authors}
    for critique in _distinct(evidence.critiques):
        key = key_of.get(critique.proposal_id)
        if key is None or critique.reviewer_id not in known or critique.reviewer_id in authors[key]:
            continue
        weight = weight_of(critique.reviewer_id, evidence.judges)
        said[key].append((_value(critique), weight))
    means = {key: _mean(voices) for key, voices in said.items()}
    return {candidate.id: means[candidate.key] for candidate in candidates}


def stable_fractions(candidates: Sequence[Candidate], seed: int) -> dict[str, float]:
    """A number in [0, 1) that depends on the seed and the answer alone; equal for copies."""
    return {candidate.id: _fraction(f"{seed}\x1f{candidate.key}") for candidate in candidates}


def costs(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Tokens that each answer cost."""
    return {
        candidate.id: float(min(_MOST, candidate.proposal.usage.total_tokens)) for candidate in candidates
    }


def reliabilities(candidates: Sequence[Candidate], reliability: Mapping[str, float]) -> dict[str, float]:
    """The author's vote weight."""
    return {c.id: weight_of(c.proposal.agent_id, reliability) for c in candidates}


def _distinct(critiques: Iterable[Critique]) -> list[Critique]:
    return [by_text for _, by_text in sorted({c.model_dump_json(): c for c in critiques}.items())]


def _value(critique: Critique) -> float:
    score = _finite(critique.score)
    verdict = _VERDICT_VALUE[critique.verdict]
    return (verdict + (verdict if score is None else score)) / 2


def _mean(voices: Sequence[tuple[float, float]]) -> float:
    return math.fsum(value * weight for value, weight in voices) / math.fsum(weight for _, weight in voices)


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return max(-_MOST, min(_MOST, number)) if math.isfinite(number) else None


def _fraction(text: str) -> float:
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48
