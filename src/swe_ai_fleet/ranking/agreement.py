"""Agreement: how many votes say the same as a candidate, and which candidates say the same throughout."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swe_ai_fleet.ranking.candidates import Candidate
from swe_ai_fleet.ranking.evidence import Claim, Evidence

_HEAVIEST = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Mean share of the votes that say the same as a candidate, by proposal id."""

    impartial: Mapping[str, float]
    """Claims of a candidate's own author left out: what the ranking uses."""
    with_own: Mapping[str, float]
    """The same with them, for comparison."""
    among_answers: Mapping[str, float]
    """The same without any claims: what the answers alone say, 0 to 1."""


def agreement_of(
    candidates: Sequence[Candidate], votes: Mapping[str, float], evidence: Evidence
) -> Agreement:
    """Agreement over all inputs, with proposed tests as further voters.

    ``S(i) = sum_x w_x * [ sum_j r_j * 1(o_j(x) = o_i(x)) + sum_{t asserts o_i(x)} q_t ]``, divided by the
    weights and by the votes. An abstention agrees with nobody and earns nothing. Without tests it is MBR-exec
    (Shi et al. 2022) with agreement counted input by input; with tests it is CodeT's dual agreement (Chen et
    al. 2022) without its demand that all tests agree; with one candidate it is test voting. Test votes never
    count alone: at many candidates the number of generated tests passed is no better than chance.
    """
    weights = input_weights(candidates, evidence)
    scale = math.fsum(weights.values()) * sum(votes.values())
    said: dict[tuple[str, str], float] = defaultdict(float)
    for candidate in candidates:
        vote = votes.get(candidate.id, 0.0)
        for pair in candidate.signature.items() if vote else ():
            said[pair] += vote
    claimed: dict[tuple[str, str], float] = defaultdict(float)
    own: dict[tuple[str, str, str], float] = defaultdict(float)
    for claim in sorted(evidence.claims, key=_claim_order):
        claimed[claim.input_id, claim.output] += _credibility(claim)
        own[claim.author, claim.input_id, claim.output] += _credibility(claim)
    impartial, with_own, among_answers = {}, {}, {}
    for candidate in candidates:
        pairs = candidate.signature.items()
        votes_alike = math.fsum(weights[pair[0]] * said[pair] for pair in pairs)
        among_answers[candidate.id] = votes_alike / scale if scale else 0.0
        agreed = [weights[pair[0]] * (said[pair] + claimed.get(pair, 0.0)) for pair in pairs]
        author = candidate.proposal.agent_id
        favours = [weights[pair[0]] * own.get((author, *pair), 0.0) for pair in pairs]
        with_own[candidate.id] = math.fsum(agreed) / scale if scale else 0.0
        impartial[candidate.id] = (math.fsum(agreed) - math.fsum(favours)) / scale if scale else 0.0
    return Agreement(impartial=impartial, with_own=with_own, among_answers=among_answers)


def input_weights(candidates: Sequence[Candidate], evidence: Evidence) -> dict[str, float]:
    """Of every input that anybody answered."""
    names = sorted({name for candidate in candidates for name in candidate.signature})
    return {name: _bounded(evidence.inputs.get(name, 1.0)) for name in names}


def _credibility(claim: Claim) -> float:
    return _bounded(claim.credibility)


def _bounded(number: float) -> float:
    """The same, at most a million, so that no sum overflows; 0 for what is no finite positive number."""
    return min(number, _HEAVIEST) if math.isfinite(number) and number > 0 else 0.0


def _claim_order(claim: Claim) -> tuple[str, str, str, float]:
    return (claim.input_id, claim.output, claim.author, _credibility(claim))


def copies(candidates: Sequence[Candidate], votes: Mapping[str, float]) -> dict[str, float]:
    """By proposal id: the share of the votes whose answer is the same after normalisation."""
    total = sum(votes.values()) or 1.0
    said: dict[str, float] = defaultdict(float)
    for candidate in candidates:
        said[candidate.key] += votes.get(candidate.id, 0.0)
    return {candidate.id: said[candidate.key] / total for candidate in candidates}


def behaving_alike(
    candidates: Sequence[Candidate],
    weights: Mapping[str, float],
    *,
    passed: Mapping[str, frozenset[str]] | None = None,
) -> list[tuple[Candidate, ...]]:
    """Groups that do the same; where nothing was executed, groups of the same answer.

    ``passed`` has, by proposal id, the proposed tests that count; who passes others does something else.

    Where some inputs weigh 1 or more (they were proposed, not made), only those tell groups apart: an input
    outside the domain must not split a group.
    """
    serious = {name for name, weight in weights.items() if weight >= 1}
    groups: dict[object, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        outputs = (
            {n: o for n, o in candidate.outputs.items() if n in serious} if serious else candidate.outputs
        )
        done = frozenset([*candidate.verdicts.items(), *outputs.items()])
        shown = frozenset() if passed is None else passed.get(candidate.id, frozenset())
        groups[done or candidate.key, shown].append(candidate)
    return [tuple(group) for group in groups.values()]
